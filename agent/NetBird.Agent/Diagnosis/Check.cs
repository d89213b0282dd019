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
    private const string Advice = " Run: ";

    public static Check Pass(string link, string detail) => new(link, "pass", detail, "");

    /// <param name="mend">Unless the detail says it itself, as the agent's own sentences do, which end with "Run: ...".</param>
    public static Check Fail(string link, string detail, string mend)
        => detail.LastIndexOf(Advice, StringComparison.Ordinal) is var at and > 0
            ? new(link, "fail", detail[..at], detail[(at + Advice.Length)..])
            : new(link, "fail", detail, mend);

    public static Check Skip(string link, string why) => new(link, "skip", why, "");
}

[JsonSerializable(typeof(IReadOnlyList<Check>))]
[JsonSourceGenerationOptions(WriteIndented = true)]
internal sealed partial class DiagnosisJson : JsonSerializerContext;
