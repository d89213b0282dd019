using FakeAnthropic;
using NetBird.ControlPlane.Tests.Store;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>Configuration as code by the executable: shown, all or nothing, the same twice, and refused with line and column.</summary>
public sealed class ApplyTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Document_IsShown_AllOrNothing_AndTheSameTwice(bool postgres)
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions());
        await using var node = await Node.StartAsync(environment: await Stores.EnvironmentAsync(cluster, postgres));
        await Company.FoundAsync(node, upstream, "Engineering");
        var before = await node.DoneAsync(["export"]);

        // The second section is wrong, so the first one is not done either.
        var wrong = await ApplyAsync(node, "groups:\n  - { name: Half }\npolicies:\n  - name: Claude Code\n    enabled: true\n    sauce_groups: [Half]\n");
        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains("line 6, column 5", wrong.Error, StringComparison.Ordinal);
        Assert.Contains("source_groups", wrong.Error, StringComparison.Ordinal);
        Assert.Equal(before, await node.DoneAsync(["export"]));

        const string More = "groups:\n  - { name: Design }\n";
        var dry = await ApplyAsync(node, More, "--dry-run");
        Assert.Contains("+ group 'Design'", dry.Output, StringComparison.Ordinal);
        Assert.Contains("Dry run", dry.Output, StringComparison.Ordinal);
        Assert.Equal(before, await node.DoneAsync(["export"]));

        var done = await ApplyAsync(node, More);
        Assert.Contains("+ group 'Design'", done.Output, StringComparison.Ordinal);
        Assert.Contains("Nothing to change", (await ApplyAsync(node, More)).Output, StringComparison.Ordinal);
        Assert.Contains("Nothing to change", (await ApplyAsync(node, await node.DoneAsync(["export"]))).Output, StringComparison.Ordinal);

        // The document of before, with nothing beside it allowed, leads back.
        Assert.Contains("- group 'Design'", (await ApplyAsync(node, before, "--prune")).Output, StringComparison.Ordinal);
        Assert.Equal(before, await node.DoneAsync(["export"]));
    }

    private static Task<CommandResult> ApplyAsync(Node node, string document, params string[] options)
        => node.RunAsync(["apply", "-f", "-", .. options], document);
}
