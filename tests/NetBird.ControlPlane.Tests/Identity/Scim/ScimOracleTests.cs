using System.Diagnostics;

namespace NetBird.ControlPlane.Tests.Identity.Scim;

/// <summary>Our SCIM endpoint beside npm's scim-patch (the same operations, the same outcome) and SCIMMY (its schemas read our answers, its filters find the same).</summary>
public sealed class ScimOracleTests(ScimWorld world) : IClassFixture<ScimWorld>
{
    [SkippableFact]
    public async Task PatchesAndFilters_BesidePublicImplementations_Agree()
    {
        var modules = Environment.GetEnvironmentVariable("NETBIRD_NODE_MODULES");
        Skip.If(modules is null || !Directory.Exists(Path.Combine(modules, "scim-patch")), "NETBIRD_NODE_MODULES names no folder with scim-patch");
        var start = new ProcessStartInfo("node") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[Path.Combine(AppContext.BaseDirectory, "scim-oracle.cjs"), modules!, $"{world.Server.Url}scim/v2", world.Token])
        {
            start.ArgumentList.Add(argument);
        }

        using var node = Process.Start(start)!; // a process that cannot start throws
        var error = node.StandardError.ReadToEndAsync();
        var output = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync();

        Assert.True(output.Trim().StartsWith("compared ", StringComparison.Ordinal), output + await error);

        // 14 patches and at least half of the filters.
        var line = output.Trim();
        Assert.InRange(int.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture), 18, 21);
    }
}
