namespace EndToEnd.Tests;

/// <summary>Where things are: the executables of this build, and what tests/run.sh installed.</summary>
internal static class Checkout
{
    public static string Root { get; } = FindRoot();

    public static string Quickstart => Path.Combine(Root, "installers", "quickstart.sh");

    public static string Agent => Path.Combine(Root, "artifacts/bin/NetBird.Agent/release/netbird-agent");

    public static string ControlPlane => Path.Combine(Root, "artifacts/bin/NetBird.ControlPlane/release/netbird-controlplane");

    /// <summary>The Node.js that the tests run, by its path: a machine of the guides has a PATH of its own.</summary>
    public static string Node { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(folder => Path.Combine(folder, "node")).FirstOrDefault(File.Exists) ?? "node";

    public static string FakeAnthropic => Path.Combine(Root, "artifacts/bin/FakeAnthropic/release/fake-anthropic");

    /// <summary>The real client, or null where npm did not bring it.</summary>
    public static string? Claude
    {
        get
        {
            var path = Environment.GetEnvironmentVariable("NETBIRD_CLAUDE");
            return File.Exists(path) ? path : null;
        }
    }

    /// <summary>Modules from npm, or null.</summary>
    public static string? NodeModules
    {
        get
        {
            var path = Environment.GetEnvironmentVariable("NETBIRD_NODE_MODULES");
            return Directory.Exists(path) ? path : null;
        }
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "NetBird.Agent.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("NetBird.Agent.sln is above no test binary.");
    }
}
