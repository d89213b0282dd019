using System.Diagnostics;

namespace EndToEnd.Tests;

/// <summary>The one command of the README, as a new user runs it.</summary>
public sealed class QuickstartTests
{
    [Fact]
    public async Task WithoutCommand_AnswersShowsTheRowAndLeavesNothingOnCtrlC()
    {
        var before = await MachineAsync();
        using var quickstart = Command.Start(Checkout.Quickstart, []);
        var errors = quickstart.StandardError.ReadToEndAsync();
        var lines = new List<string>();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (await quickstart.StandardOutput.ReadLineAsync(limit.Token) is { } line)
        {
            lines.Add(line);
            if (line.Contains("Ctrl-C", StringComparison.Ordinal))
            {
                break;
            }
        }

        var text = string.Join('\n', lines);
        if (lines.Count == 0)
        {
            Assert.Fail(await Finished(quickstart, errors));
        }

        Assert.Contains("sample", text, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("ana@example.com", text, StringComparison.Ordinal);
        Assert.Contains("Engineering", text, StringComparison.Ordinal);
        Assert.Contains("claude-haiku-4-5", text, StringComparison.Ordinal);
        Assert.Contains("Dashboard:", text, StringComparison.Ordinal);

        // SIGINT to the script alone; it must take the rest down itself.
        using var interrupt = Process.Start("kill", ["-INT", quickstart.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        using var ending = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await quickstart.WaitForExitAsync(ending.Token);

        Assert.Equal(130, quickstart.ExitCode);
        Assert.Empty(Appeared(before, await MachineAsync()));
    }

    [Fact]
    public async Task WithCommand_PassesItsExitCodeAndPrintsUsageToStandardError()
    {
        var result = await Command.RunAsync(Checkout.Quickstart,
            ["--", "sh", "-c", "echo out; test -n \"$NETBIRD_URL\" && test -n \"$NETBIRD_TOKEN\" && test -d \"$NETBIRD_STATE\" && exit 7"]);

        Assert.True(result.ExitCode == 7, result.ToString());
        Assert.Equal("out\n", result.Output);
    }

    [Fact]
    public async Task TwoAtOnce_EachTakesPortsOfItsOwn()
    {
        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Command.RunAsync(Checkout.Quickstart,
            ["--", "sh", "-c", "echo $NETBIRD_URL $ANTHROPIC_BASE_URL; curl -sS --max-time 60 $ANTHROPIC_BASE_URL/v1/models | head -c 8"])));

        Assert.All(both, one => Assert.True(one.ExitCode == 0, one.ToString()));
        Assert.All(both, one => Assert.EndsWith("{\"data\":", one.Output, StringComparison.Ordinal));
        var addresses = both.SelectMany(one => one.Output.Split('\n')[0].Split(' ')).ToList();
        Assert.Equal(4, addresses.Distinct().Count());
    }

    [Theory]
    [InlineData("--bogus", "unknown option '--bogus'")]
    [InlineData("--tunnel", "--tunnel needs a mode")]
    [InlineData("--tunnel=x", "unknown option")]
    [InlineData("--upstream", "--upstream needs a URL")]
    [InlineData("--", "-- needs a command")]
    public async Task WrongArguments_AreNamedWithExitCode2(string argument, string message)
    {
        var result = await Command.RunAsync(Checkout.Quickstart, [argument]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    private static async Task<string> Finished(Process process, Task<string> errors)
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }

        return await errors;
    }

    /// <summary>Lines that are there more often than before.</summary>
    private static IEnumerable<string> Appeared(string before, string after)
    {
        var known = before.Split('\n').CountBy(line => line).ToDictionary();
        return after.Split('\n').CountBy(line => line).Where(line => line.Value > known.GetValueOrDefault(line.Key)).Select(line => line.Key);
    }

    /// <summary>Interfaces, routes, namespaces, our processes and our temporary folders.</summary>
    private static async Task<string> MachineAsync()
    {
        var result = await Command.RunAsync("sh", ["-c", """
            ip -o link | cut -d: -f2 | sort
            ip route show table all | sort; ip -6 route show table all | grep -v expires | sort
            ip netns list | sort
            pgrep -fl 'netbird-(agent|controlplane)' | cut -d' ' -f2- | sort
            ls -d "${TMPDIR:-/tmp}"/netbird-quickstart.* 2>/dev/null
            true
            """]);
        return result.Output;
    }
}
