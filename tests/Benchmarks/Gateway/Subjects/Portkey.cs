using Benchmarks.Tunnel;

namespace Benchmarks.Gateway.Subjects;

/// <summary>Portkey's gateway from npm.</summary>
internal static class Portkey
{
    private const string Package = "@portkey-ai/gateway";

    private static readonly string Folder = Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "netbird-agent-benchmarks");

    /// <summary>Its start script: NETBIRD_BENCH_PORTKEY, or of a copy in the person's cache.</summary>
    private static string Script => Environment.GetEnvironmentVariable("NETBIRD_BENCH_PORTKEY") is { Length: > 0 } named
        ? named
        : Path.Combine(Folder, "node_modules", "@portkey-ai", "gateway", "build", "start-server.js");

    /// <summary>Fetches it once, where npm can.</summary>
    /// <returns>What is missing, or null.</returns>
    public static string? Prepare()
    {
        if (File.Exists(Script))
        {
            return null;
        }

        if (!Child.IsInstalled("npm"))
        {
            return "npm is not installed";
        }

        Console.Error.WriteLine($"Installing {Package} in {Folder}");
        _ = Directory.CreateDirectory(Folder);
        var (code, output) = Tool.TryRun($"npm install --prefix {Folder} --no-audit --no-fund --ignore-scripts --loglevel=error {Package}");
        return code == 0 && File.Exists(Script) ? null : "npm does not install it: " + output.Trim();
    }

    /// <param name="upstream">On loopback: it refuses to go elsewhere within a private network.</param>
    public static async Task<Subject> StartAsync(Uri upstream)
    {
        var port = Child.FreePort();
        var child = await Child.StartAsync(new(System.Net.IPAddress.Loopback, port), "node", [Script, $"--port={port}", "--headless"]);
        return new("portkey", new($"http://127.0.0.1:{port}/v1/messages"), child, new Dictionary<string, string>
        {
            ["x-portkey-provider"] = "anthropic", ["x-portkey-custom-host"] = new Uri(upstream, "/v1").ToString(), ["Authorization"] = "Bearer sk-ant-bench",
        });
    }
}
