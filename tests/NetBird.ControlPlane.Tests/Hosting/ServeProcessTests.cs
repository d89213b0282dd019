using System.Diagnostics;
using System.Text.Json;

namespace NetBird.ControlPlane.Tests.Hosting;

/// <summary><c>serve</c> as an operator meets it: what it says of settings that are wrong, and how it logs.</summary>
public sealed class ServeProcessTests : IDisposable
{
    private readonly TemporaryState _state = new();

    public void Dispose() => _state.Dispose();

    [Fact]
    public async Task Serve_ManyWrongSettings_NamesThemAllAtOnce_AndMakesNothing()
    {
        var folder = Path.Combine(_state.Path, "state");

        var (code, error) = await RunAsync(
            new()
            {
                ["NETBIRD_CP_OVERLAY"] = "100.64.0.1/16", ["NETBIRD_CP_LOG_LEVEL"] = "loud", ["NETBIRD_CP_OIDC_ISUER"] = "https://idp.example.com",
                ["NETBIRD_CP_POSTGRES"] = "Host=db;Pasword=hunter2",
            },
            "serve", "--state-dir", folder, "--http", "0.0.0.0:80", "--tunnel", "carrier-pigeon", "--drain-seconds", "soon", "--log-format", "xml",
            "--tls-cert", "/nonexistent.pem", "--oidc-groups-claim", "roles", "--audit-file", "/nonexistent/audit.jsonl");

        Assert.Equal(2, code);
        foreach (var option in (string[])
            ["--overlay", "--log-level", "--postgres", "--tunnel", "--drain-seconds", "--log-format", "--tls-key", "--oidc-groups-claim", "--audit-file", "Did you mean NETBIRD_CP_OIDC_ISSUER?"])
        {
            Assert.Contains(option, error, StringComparison.Ordinal);
        }

        Assert.Equal(10, error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.DoesNotContain("hunter2", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public async Task Serve_JsonLogs_AreAnObjectALine_WithEachValueUnderItsName()
    {
        await using var plane = await PlaneProcess.StartAsync(Path.Combine(_state.Path, "state"), "--log-format", "json", "--log-level", "debug");
        await plane.GetAsync("/api/groups");
        Assert.Equal(0, await plane.StopAsync());

        var lines = plane.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();

        Assert.All(lines, line =>
        {
            Assert.True(line.GetProperty("Timestamp").GetDateTimeOffset().Offset == TimeSpan.Zero);
            Assert.False(string.IsNullOrEmpty(line.GetProperty("Category").GetString()));
            Assert.False(string.IsNullOrEmpty(line.GetProperty("Message").GetString()));
            Assert.Contains(line.GetProperty("LogLevel").GetString(), (string[])["Debug", "Information", "Warning"]);
        });
        var ready = Assert.Single(lines, line => line.GetProperty("Message").GetString()!.StartsWith("The control plane is ready at", StringComparison.Ordinal));
        Assert.Equal(plane.Url.ToString(), ready.GetProperty("State").GetProperty("Url").GetString());
    }

    private static async Task<(int Code, string Error)> RunAsync(Dictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "netbird-controlplane.dll"));
        Array.ForEach(arguments, start.ArgumentList.Add);
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!; // a process that cannot start throws
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, error);
    }
}
