using System.Text.Json.Serialization;

namespace NetBird.Agent.Endpoint;

/// <summary>The error body of the Anthropic API.</summary>
internal sealed record ErrorEnvelope(
    [property: JsonPropertyName("type")] string Type,
    [property: JsonPropertyName("error")] ErrorDetail Error,
    [property: JsonPropertyName("request_id")] string RequestId);

internal sealed record ErrorDetail(
    [property: JsonPropertyName("type")] string Type,
    [property: JsonPropertyName("message")] string Message);

[JsonSerializable(typeof(ErrorEnvelope))]
internal sealed partial class EnvelopeJson : JsonSerializerContext;
