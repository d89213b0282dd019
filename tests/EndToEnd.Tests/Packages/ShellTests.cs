namespace EndToEnd.Tests.Packages;

/// <summary>Completions and man pages that the packages install, in the shells themselves.</summary>
public sealed class ShellTests
{
    [SkippableTheory]
    [InlineData("netbird-agent", "bash")]
    [InlineData("netbird-agent", "zsh")]
    [InlineData("netbird-agent", "fish")]
    [InlineData("netbird-controlplane", "bash")]
    [InlineData("netbird-controlplane", "zsh")]
    [InlineData("netbird-controlplane", "fish")]
    public async Task Completion_OffersTheCommands(string name, string shell)
    {
        Skip.IfNot(File.Exists("/usr/bin/" + shell), $"{shell} is not installed.");
        var program = name == "netbird-agent" ? Checkout.Agent : Checkout.ControlPlane;
        var (line, expected) = name == "netbird-agent" ? ("netbird-agent stat", "status") : ("netbird-controlplane setu", "setup-key");
        var script = shell switch
        {
            "bash" => $"""
                source <({name} documentation bash)
                COMP_LINE='{line}' COMP_POINT=${"{#COMP_LINE}"} COMP_WORDS=({line}) COMP_CWORD=1
                $(complete -p {name} | sed 's/.*-F \([^ ]*\) .*/\1/') && printf '%s\n' "${"{COMPREPLY[@]}"}"
                """,
            // The completion system is for a terminal: its compadd is replaced by one that prints.
            "zsh" => $"""
                compadd() {"{"} shift; print -l -- "$\u007b(@P)1\u007d" {"}"}
                BUFFER='{line}' CURSOR={line.Length}
                source <({name} documentation zsh)
                """.Replace(@"\u007b", "{", StringComparison.Ordinal).Replace(@"\u007d", "}", StringComparison.Ordinal),
            _ => $"{name} documentation fish | source; complete -C '{line}'",
        };

        var result = await Command.RunAsync(shell, ["-c", script], new Dictionary<string, string?>
        {
            ["PATH"] = $"{Path.GetDirectoryName(program)}:{Environment.GetEnvironmentVariable("PATH")}",
            ["HOME"] = Path.GetTempPath(),
        });

        Assert.Contains(expected, result.Output.Split('\n', '\t'));
    }

    [SkippableTheory]
    [InlineData("netbird-agent")]
    [InlineData("netbird-controlplane")]
    public async Task ManPage_IsSetWithoutAWarning(string name)
    {
        Skip.IfNot(File.Exists("/usr/bin/groff"), "groff is not installed.");
        var program = name == "netbird-agent" ? Checkout.Agent : Checkout.ControlPlane;
        var page = await Command.RunAsync(program, ["documentation", "man"]);

        var shown = await Command.RunAsync("groff", ["-man", "-Tutf8", "-ww", "-K", "utf8"], input: page.Output);

        Assert.True(shown.ExitCode == 0, shown.ToString());
        Assert.Equal("", shown.Error);
        Assert.Contains(name == "netbird-agent" ? "statusline" : "setup-key", shown.Output, StringComparison.Ordinal);
    }
}
