using System.Text.RegularExpressions;

namespace EndToEnd.Tests.Documentation;

/// <summary>What the guides say in passing: commands in a sentence or a table, and links.</summary>
public sealed partial class MentionTests
{
    public static TheoryData<string> Guides { get; } = [.. GuideBlock.Guides.Where(guide => File.Exists(Path.Combine(Checkout.Root, guide)))];

    [Theory]
    [MemberData(nameof(Guides))]
    public void Commands_AreInTheReferenceWithTheirOptions(string guide)
    {
        var text = File.ReadAllText(Path.Combine(Checkout.Root, guide));

        var unknown = Mention().Matches(Fence().Replace(text, "")).Select(mention => mention.Groups[1].Value).Select(Objection).Where(objection => objection is not null);

        Assert.Empty(unknown);
    }

    [Theory]
    [MemberData(nameof(Guides))]
    public void Links_LeadToAFile(string guide)
    {
        var folder = Path.GetDirectoryName(Path.Combine(Checkout.Root, guide))!;

        var broken = Link().Matches(File.ReadAllText(Path.Combine(Checkout.Root, guide)))
            .Select(link => link.Groups[1].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal) && !Path.Exists(Path.Combine(folder, target.Split('#')[0])));

        Assert.Empty(broken);
    }

    /// <summary>The longest run of words that is a heading of the reference is the command; its section lists the options.</summary>
    private static string? Objection(string mention)
    {
        var words = mention.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var reference = "\n" + File.ReadAllText(Path.Combine(Checkout.Root, "shared/docs",
            words[0] == "netbird-agent" ? "reference-agent.md" : "reference-controlplane.md"));
        var count = Enumerable.Range(1, words.Length).Where(n => reference.Contains($"# {string.Join(' ', words[..n])}\n", StringComparison.Ordinal)).DefaultIfEmpty(0).Max();
        if (count == 0 || (count == 1 && words.Length > 1 && char.IsAsciiLetterLower(words[1][0])))
        {
            return $"'{mention}': no such command";
        }

        var section = reference.Split($"# {string.Join(' ', words[..count])}\n")[1].Split("\n## ")[0];
        var ended = Array.IndexOf(words, "--") is var end and >= 0 ? end : words.Length;
        var option = words[count..ended].FirstOrDefault(word => word.StartsWith("--", StringComparison.Ordinal)
            && !Regex.IsMatch(section + "--state-dir --help --version", Regex.Escape(word.Split('=')[0]) + @"\b"));
        return option is null ? null : $"'{mention}': no option {option}";
    }

    [GeneratedRegex("`(netbird-(?:agent|controlplane)(?: [^`]*)?)`")]
    private static partial Regex Mention();

    [GeneratedRegex(@"(?m)^```[\s\S]*?^```$")]
    private static partial Regex Fence();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
