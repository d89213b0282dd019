using System.Formats.Tar;
using System.IO.Compression;
using System.Runtime.Versioning;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary><c>doctor</c> walks every link, and <c>debug bundle</c> collects what it takes to help, without a secret.</summary>
[SupportedOSPlatform("linux")]
public sealed class DoctorTests
{
    private static readonly string[] Links = ["daemon", "claude code", "endpoint", "login", "dns", "control plane", "udp path", "handshake", "gateway", "policy", "provider"];

    [SkippableFact]
    public async Task Doctor_Connected_EveryLinkPasses()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        await world.Agent.RunAsync("claude", "setup");

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

    }

    /// <summary>Links beyond the tunnel, by what the gateway answers; and Claude Code's own settings.</summary>
    [SkippableFact]
    public async Task Doctor_FaultsBeyondTheTunnel_AreToldApart()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        var code = 0;
        world.Gateway.Answer = context =>
        {
            context.Response.StatusCode = code;
            return context.Response.WriteAsync($$$"""{"type":"error","error":{"type":"x","message":"The sentence of {{{code}}}."}}""");
        };
        var seen = new List<(string Gateway, string Policy, string Provider, string Mend)>();
        foreach (var answer in new[] { 503, 400, 502 })
        {
            code = answer;
            var (failed, checks) = await ExamineAsync(world.Agent);
            Assert.Equal(1, failed);
            Assert.Contains(checks, check => check.Result == "fail" && check.Detail.Contains($"The sentence of {answer}.", StringComparison.Ordinal));
            seen.Add((Of(checks, "gateway").Result, Of(checks, "policy").Result, Of(checks, "provider").Result, checks.Single(check => check.Result == "fail").Mend));
        }

        code = 200;
        world.Plane.Budget = new() { Caps = { new Protocol.Budget.V1.Cap { Source = "Engineering", Scope = "user", Unit = "nano_usd", Used = 5, Limit = 5, WindowSeconds = 3600 } } };
        await UntilBudgetIsToldAsync(world.Agent);
        var (_, spent) = await ExamineAsync(world.Agent);
        var settings = Path.Combine(world.Agent.Root, ".claude", "settings.json");
        Directory.CreateDirectory(Path.GetDirectoryName(settings)!);
        await File.WriteAllTextAsync(settings, """{ "env": { "ANTHROPIC_BASE_URL": "http://127.0.0.1:1" } }""");
        var (_, elsewhere) = await ExamineAsync(world.Agent);

        Assert.Equal(("fail", "skip", "skip", "Ask your administrator, or try again in a moment"), seen[0]);
        Assert.Equal(("pass", "fail", "skip", "Ask your administrator for a policy that lets your group in"), seen[1]);
        Assert.Equal(("pass", "pass", "fail", "Ask your administrator to check the provider's key and URL"), seen[2]);
        Assert.Equal(("fail", "netbird-agent budget"), Of(spent, "policy"));
        Assert.Equal("pass", Of(spent, "provider").Result);
        Assert.Equal(("fail", "netbird-agent claude setup"), Of(elsewhere, "claude code"));
    }

    [SkippableFact]
    public async Task Doctor_GatewayGone_DoesNotPassItForWhatItAnsweredBefore()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        await world.Gateway.StopAsync();

        var (code, checks) = await ExamineAsync(world.Agent);

        Assert.Equal(1, code);
        Assert.Equal("fail", Of(checks, "udp path").Result);
        Assert.Equal("fail", Of(checks, "gateway").Result);
        Assert.All(checks, check => Assert.True(check.Result != "fail" || check.Mend.Length != 0, check.Link));
    }

    /// <summary>Its connection stands, as of a process that was stopped; only that nothing is answered gives it away.</summary>
    [SkippableFact]
    public async Task Doctor_ControlPlaneThatHangs_IsTold()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        world.Plane.Budget = new() { Caps = { new Protocol.Budget.V1.Cap { Source = "Engineering", Scope = "user", Unit = "nano_usd", Used = 1, Limit = 5, WindowSeconds = 3600 } } };
        await UntilBudgetIsToldAsync(world.Agent);
        Assert.Equal("pass", Of((await ExamineAsync(world.Agent)).Checks, "control plane").Result);

        world.Plane.Hangs = true;
        var (code, checks) = await ExamineAsync(world.Agent);
        for (var i = 0; Of(checks, "control plane").Result == "pass" && i < 20; i++)
        {
            (code, checks) = await ExamineAsync(world.Agent);
            await Task.Delay(1000);
        }

        Assert.Equal(1, code);
        Assert.Equal(("fail", "It may be down or hang; it is tried again by itself"), Of(checks, "control plane"));
        Assert.All(checks.Where(check => check.Link != "control plane"), check => Assert.NotEqual("fail", check.Result));
    }

    private static (string Result, string Mend) Of(Seen[] checks, string link) => checks.Where(check => check.Link == link).Select(check => (check.Result, check.Mend)).Single();

    /// <summary>Figures are asked for at most every 5 s.</summary>
    private static async Task UntilBudgetIsToldAsync(AgentProcess agent)
    {
        for (var i = 0; !(await agent.RunAsync("budget")).Output.Contains("Engineering", StringComparison.Ordinal); i++)
        {
            Assert.True(i < 100, agent.ReadLog());
            await Task.Delay(200);
        }
    }

    [SkippableFact]
    public async Task DebugBundle_HasLogAndStatus_AndNoKey()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        var file = Path.Combine(world.Agent.Root, "bundle.tar.gz");
        string[] planted = ["sk-ant-planted-1", "nbs_planted2", "planted3", "planted4", "planted5"];
        await File.AppendAllTextAsync(Path.Combine(world.Agent.StateDir, "agent.log"), $"{planted[0]} {planted[1]} Authorization: Bearer {planted[2]} http://127.0.0.1/callback?code={planted[3]}&x=1\n");

        world.Agent.Environment["ANTHROPIC_AUTH_TOKEN"] = "planted5";

        var bundle = await world.Agent.RunAsync("debug", "bundle", "--output", file);
        var again = await world.Agent.RunAsync("debug", "bundle", "--output", file);

        Assert.True(bundle.ExitCode == 0, bundle.ToString());
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("already exists", again.Error, StringComparison.Ordinal);
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
        Assert.Contains(all, text => text.Contains("ANTHROPIC_AUTH_TOKEN", StringComparison.Ordinal));
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
