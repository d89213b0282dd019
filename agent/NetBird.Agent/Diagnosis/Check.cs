using System.Text.Json.Serialization;

namespace NetBird.Agent.Diagnosis;

/// <summary>One link, examined.</summary>
/// <param name="Link">Which.</param>
/// <param name="Result">pass, fail or skip.</param>
/// <param name="Detail">What was seen, or why it was not looked at.</param>
/// <param name="Mend">The command or step that mends it; empty when nothing is to be done.</param>
internal sealed record Check(
    [property: JsonPropertyName("link")] string Link,
    [property: JsonPropertyName("result")] string Result,
    [property: JsonPropertyName("detail")] string Detail,
    [property: JsonPropertyName("mend")] string Mend)
{
    public static Check Pass(string link, string detail) => new(link, "pass", detail, "");

    public static Check Fail(string link, string detail, string mend) => new(link, "fail", detail, mend);

    public static Check Skip(string link, string why) => new(link, "skip", why, "");
}

[JsonSerializable(typeof(IReadOnlyList<Check>))]
[JsonSourceGenerationOptions(WriteIndented = true)]
internal sealed partial class DiagnosisJson : JsonSerializerContext;
