using System.CommandLine;

namespace NetBird.CommandLine.Tests;

public sealed class DocumentationTests
{
    [Fact]
    public void Markdown_ListsEveryVisibleCommandAndOption()
    {
        var text = Print("markdown");

        Assert.Contains("## demo up", text, StringComparison.Ordinal);
        Assert.Contains("`-u, --url URL`", text, StringComparison.Ordinal);
        Assert.Contains("a\\|b", text, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ManualPage_EscapesWhatRoffWouldRead()
    {
        var text = Print("man");

        Assert.StartsWith(".TH DEMO 1\n", text, StringComparison.Ordinal);
        Assert.Contains("\\&.hosts is read", text, StringComparison.Ordinal);
        Assert.Contains("\\-\\-url URL", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public void Completions_AskTheProgram(string shell)
        => Assert.Contains("[suggest:", Print(shell), StringComparison.Ordinal);

    private static string Print(string form)
    {
        var root = new RootCommand("A demo. For tests.");
        var up = new Command("up", "Goes up.\n.hosts is read first.");
        up.Options.Add(new Option<string>("--url", "-u") { HelpName = "url", Description = "Where to; a|b." });
        root.Subcommands.Add(up);
        root.Subcommands.Add(new Command("hidden", "Not shown.") { Hidden = true });
        root.Subcommands.Add(Documentation.CreateCommand(root, "demo"));
        var output = new StringWriter();

        var code = root.Parse(["documentation", form]).Invoke(new InvocationConfiguration { Output = output });

        Assert.Equal(ExitCode.Done, code);
        return output.ToString();
    }
}
