using System.Text.Json;
using System.Text.Json.Serialization;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>The form of answers: NetBird's names in snake_case; what is not known is null, not left out.</summary>
internal static class AdminJson
{
    public static readonly JsonSerializerOptions Options = Create();

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            DictionaryKeyPolicy = null,
        };
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
        options.Converters.Add(new IdentifierConverterFactory());
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
