using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Store;

/// <summary>The stored form of records: snake_case, enumerations by name, identifiers as plain strings.</summary>
internal static class StoreJson
{
    public static readonly JsonSerializerOptions Options = Create();

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            // Names and comments are stored as written, not as \u escapes; this JSON never goes into HTML.
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
        options.Converters.Add(new IdentifierConverterFactory());
        options.Converters.Add(new PublicKeyConverter());
        options.Converters.Add(new AddressConverter());
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    private sealed class PublicKeyConverter : JsonConverter<PublicKey>
    {
        public override PublicKey Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => PublicKey.TryParse(reader.GetString(), out var key) ? key : throw new JsonException("Not a public key.");

        public override void Write(Utf8JsonWriter writer, PublicKey value, JsonSerializerOptions options)
            => writer.WriteStringValue(value.ToString());
    }

    private sealed class AddressConverter : JsonConverter<IPAddress>
    {
        public override IPAddress Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
            => IPAddress.TryParse(reader.GetString(), out var address) ? address : throw new JsonException("Not an address.");

        public override void Write(Utf8JsonWriter writer, IPAddress value, JsonSerializerOptions options)
            => writer.WriteStringValue(value.ToString());
    }
}
