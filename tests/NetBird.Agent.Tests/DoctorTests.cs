using System.Formats.Tar;
using System.IO.Compression;
using System.Runtime.Versioning;
using System.Text.Json;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary><c>doctor</c> walks every link, and <c>debug bundle</c> collects what it takes to help, without a secret.</summary>
[SupportedOSPlatform("linux")]
public sealed class DoctorTests
{
    private static readonly string[] Links = ["daemon", "endpoint", "login", "dns", "control plane", "udp path", "handshake", "gateway", "policy", "provider"];

    [SkippableFact]
    public async Task Doctor_Connected_EveryLinkPasses()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();

        var (code, checks) = await ExamineAsync(world.Agent);

        Assert.Equal(0, code);
        Assert.Equal(Links, checks.Select(check => check.Link));
        Assert.All(checks, check => Assert.Equal("pass", check.Result));
    }

    [SkippableFact]
    public async Task Doctor_EachFault_NamesTheCommandOrStepThatMendsIt()
    {
        await using var world = await AgentWorld.StartAsync();
        var (notRunning, first) = await ExamineAsync(world.Agent);
        await world.UpAsync();

        await world.Plane.StopAsync();
        await world.Agent.UntilStateAsync("degraded", TimeSpan.FromSeconds(60));
        var (degraded, second) = await ExamineAsync(world.Agent);
        await world.Agent.RunAsync("logout");
        var (loggedOut, third) = await ExamineAsync(world.Agent);

        Assert.Equal([1, 1, 1], [notRunning, degraded, loggedOut]);
        Assert.Equal(("fail", "netbird-agent up"), Of(first, "daemon"));
        Assert.All(first[1..], check => Assert.Equal("skip", check.Result));
        Assert.Equal("fail", Of(second, "control plane").Result);
        Assert.Contains("by itself", Of(second, "control plane").Mend, StringComparison.Ordinal);
        Assert.Equal("pass", Of(second, "provider").Result);
        Assert.Equal(("fail", "netbird-agent up"), Of(third, "login"));
        Assert.Equal("skip", Of(third, "provider").Result);

        // A failure without a way out, or a check left out without a reason, helps nobody.
        Assert.All([.. first, .. second, .. third], check => Assert.True(check.Result != "fail" || check.Mend.Length != 0, check.Link));
        Assert.All([.. first, .. second, .. third], check => Assert.NotEmpty(check.Detail));

        static (string Result, string Mend) Of(Seen[] checks, string link) => checks.Where(check => check.Link == link).Select(check => (check.Result, check.Mend)).Single();
    }

    [SkippableFact]
    public async Task DebugBundle_HasLogAndStatus_AndNoKey()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        var file = Path.Combine(world.Agent.Root, "bundle.tar.gz");
        string[] planted = ["sk-ant-planted-1", "nbs_planted2", "planted3", "planted4"];
        await File.AppendAllTextAsync(Path.Combine(world.Agent.StateDir, "agent.log"), $"{planted[0]} {planted[1]} Authorization: Bearer {planted[2]} http://127.0.0.1/callback?code={planted[3]}&x=1\n");

        var bundle = await world.Agent.RunAsync("debug", "bundle", "--output", file);

        Assert.True(bundle.ExitCode == 0, bundle.ToString());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        string[] secrets = [.. planted, (await File.ReadAllTextAsync(Path.Combine(world.Agent.StateDir, "private.key"))).Trim(), world.Plane.SetupKey];
        var all = new List<string>();
        await using var zip = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
        await using var tar = new TarReader(zip);
        while (await tar.GetNextEntryAsync() is { DataStream: { } data })
        {
            using var reader = new StreamReader(data);
            all.Add(await reader.ReadToEndAsync());
        }

        Assert.Contains(all, text => text.Contains("The tunnel is open", StringComparison.Ordinal));
        Assert.Contains(all, text => text.Contains("connected", StringComparison.Ordinal));
        Assert.Contains(all, text => text.Contains("callback?code=[left out]", StringComparison.Ordinal));
        Assert.All(secrets, secret => Assert.All(all, text => Assert.DoesNotContain(secret, text, StringComparison.Ordinal)));
    }

    private static async Task<(int Code, Seen[] Checks)> ExamineAsync(AgentProcess agent)
    {
        var doctor = await agent.RunAsync("doctor", "--json");
        return (doctor.ExitCode, [.. JsonDocument.Parse(doctor.Output).RootElement.EnumerateArray().Select(check => new Seen(
            check.GetProperty("link").GetString()!, check.GetProperty("result").GetString()!,
            check.GetProperty("detail").GetString()!, check.GetProperty("mend").GetString()!))]);
    }

    private sealed record Seen(string Link, string Result, string Detail, string Mend);
}
