using System.Globalization;

namespace EndToEnd.Tests.Documentation;

/// <summary>
/// One fenced block of a guide. What a reader does not see, the words after the language, says how it is tried:
/// <c>sh server</c> or <c>sh laptop</c> run there; <c>new</c> on a machine that nobody used yet; <c>stays</c> goes on running;
/// <c>soon</c> is repeated for a minute until it prints what the guide says;
/// <c>exit=N</c> ends so (0 unless said); <c>needs=WHAT</c> is not run, and counted as a skipped test with that reason;
/// <c>file=NAME</c> is written there for the commands after it. A <c>text</c> block is what the one before it prints, where
/// <c>...</c> stands for anything.
/// </summary>
internal sealed record GuideBlock(string Guide, int Line, string Language, IReadOnlyList<string> Words, string Text)
{
    /// <summary>In reading order: who has done one guide has what the next one starts from. What is not named comes last, and is tried too.</summary>
    public static IReadOnlyList<string> Guides { get; } =
    [
        .. Ordered,
        .. Directory.GetFiles(Path.Combine(Checkout.Root, "shared/docs"), "*.md")
            .Select(file => "shared/docs/" + Path.GetFileName(file))
            .Where(file => !Ordered.Contains(file) && !Path.GetFileName(file).StartsWith("reference-", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];

    private static string[] Ordered =>
    [
        "README.md", "shared/docs/getting-started-admin.md", "shared/docs/getting-started-developer.md", "shared/docs/fleet.md", "shared/docs/policies-and-limits.md",
        "shared/docs/operating.md", "shared/docs/containers.md", "shared/docs/security.md", "shared/docs/troubleshooting.md",
        "shared/docs/comparison.md", "shared/docs/identity-providers.md",
    ];

    /// <summary>Stable, and readable in a list of tests.</summary>
    public string Name => $"{Path.GetFileName(Guide)}:{Line.ToString(CultureInfo.InvariantCulture)} {Text.Split('\n')[0]}";

    public string Machine => Words.FirstOrDefault(word => word is "server" or "laptop" or "clone") ?? "";

    public string? Needs => Value("needs")?.Replace('-', ' ');

    public string? File => Value("file");

    public int ExitCode => Value("exit") is { } code ? int.Parse(code, CultureInfo.InvariantCulture) : 0;

    public bool Has(string word) => Words.Contains(word);

    public static IEnumerable<GuideBlock> Read(string guide)
    {
        var lines = System.IO.File.ReadAllLines(Path.Combine(Checkout.Root, guide));
        for (var i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("```", StringComparison.Ordinal))
            {
                continue;
            }

            var words = lines[i][3..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var first = i + 1;
            for (i = first; lines[i] != "```"; i++)
            {
            }

            yield return new(guide, first, words.FirstOrDefault("text"), [.. words.Skip(1)], string.Join('\n', lines[first..i]));
        }
    }

    private string? Value(string name) => Words.FirstOrDefault(word => word.StartsWith(name + "=", StringComparison.Ordinal))?[(name.Length + 1)..];
}
