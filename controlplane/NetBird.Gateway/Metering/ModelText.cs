using System.Text.Json;

namespace NetBird.Gateway.Metering;

/// <summary>A model id in an answer.</summary>
internal static class ModelText
{
    private const int MaxBytes = 200;

    public static string? From(ref Utf8JsonReader reader)
        => reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length is > 0 and <= MaxBytes ? reader.GetString() : null;
}
