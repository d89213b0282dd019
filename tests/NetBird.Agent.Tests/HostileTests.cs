using System.Diagnostics;
using System.Net;
using System.Text.Json;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>What a local attacker tries: other accounts, web pages, planted links.</summary>
public sealed class HostileTests
{
    private const string Nobody = "65534";

    [SkippableFact]
    public async Task Endpoint_OtherUid_IsRefusedInWords()
    {
        await using var world = await AgentWorld.StartAsync();
        var reached = false;
        world.Gateway.Answer = _ =>
        {
            reached = true;
            return Task.CompletedTask;
        };
        await world.UpAsync();

        var answer = await CurlAs(Nobody, "-s", "-w", "%{http_code}", world.Agent.EndpointUrl + "/v1/models");

        Assert.EndsWith("400", answer, StringComparison.Ordinal);
        Assert.Contains("policy_blocked", answer, StringComparison.Ordinal);
        Assert.Contains("another account", answer, StringComparison.Ordinal);
        Assert.False(reached);
    }

    [SkippableFact]
    public async Task Endpoint_OtherUidClosesAtOnce_IsNotTakenForRoot()
    {
        await using var world = await AgentWorld.StartAsync();
        var reached = false;
        world.Gateway.Answer = _ =>
        {
            reached = true;
            return Task.CompletedTask;
        };
        await world.UpAsync();
        var script = $"exec 3<>/dev/tcp/127.0.0.1/{world.Agent.EndpointPort}; printf 'POST /v1/messages HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nContent-Length: 2\\r\\n\\r\\n{{}}' >&3; exec 3>&-";

        for (var i = 0; i < 20; i++)
        {
            await RunAs(Nobody, "bash", "-c", script);
        }

        await Task.Delay(500);
        Assert.False(reached);
    }

    [SkippableFact]
    public async Task Sockets_OtherUid_CannotConnect()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        foreach (var folder in new[] { world.Agent.Root, world.Agent.StateDir })
        {
            // Even when the folder is opened to all, the sockets are not.
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
        }

        foreach (var name in new[] { "endpoint.sock", "daemon.sock", "quick.sock" })
        {
            var path = Path.Combine(world.Agent.StateDir, name);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));

            // And opened to all as well, the peer's credentials still refuse.
            File.SetUnixFileMode(path, (UnixFileMode)0b110_110_110);
            string[] ask = name switch
            {
                "endpoint.sock" => ["curl", "-s", "-S", "-m", "5", "--unix-socket", path, "http://127.0.0.1/v1/models"],
                "quick.sock" => ["sh", "-c", $"echo status | socat -t 5 - UNIX-CONNECT:{path}"],
                _ => ["curl", "-s", "-S", "-m", "5", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", path, "-H", "content-type: application/grpc", "-X", "POST", "http://daemon/netbird.daemon.v1.DaemonService/GetStatus"],
            };
            var answer = name switch { "endpoint.sock" => "hello", "quick.sock" => "Ada", _ => "200" };
            Assert.Contains(answer, await Output(ask[0], ask[1..]), StringComparison.Ordinal);
            Assert.DoesNotContain(answer, await RunAs(Nobody, ask), StringComparison.Ordinal);
        }
    }

    [SkippableTheory]
    [InlineData("Host: evil.example", "not known by that Host")]
    [InlineData("Host: 127.0.0.1.evil.example", "not known by that Host")]
    [InlineData("Origin: http://127.0.0.1", "not web pages")]
    [InlineData("Origin: null", "not web pages")]
    [InlineData("Sec-Fetch-Site: cross-site", "not web pages")]
    [InlineData("Sec-Fetch-Site: same-origin", "not web pages")]
    public async Task Endpoint_RequestOfAWebPage_IsRefusedInWords(string header, string words)
    {
        await using var agent = new AgentProcess();
        var run = await RunServiceAsync(agent);

        var answer = await Curl("-s", "-i", "-H", header, agent.EndpointUrl + "/v1/messages");

        Assert.Contains("HTTP/1.1 400", answer, StringComparison.Ordinal);
        Assert.Contains("x-should-retry: false", answer, StringComparison.Ordinal);
        Assert.Contains(words, answer, StringComparison.Ordinal);
        await EndAsync(run);
    }

    [Fact]
    public async Task Endpoint_NotLoggedIn_SaysWhatToRunAtOnce()
    {
        await using var agent = new AgentProcess();
        var run = await RunServiceAsync(agent);
        using var client = new HttpClient();
        var watch = Stopwatch.StartNew();

        using var answer = await client.PostAsync(agent.EndpointUrl + "/v1/messages?beta=true", new StringContent("{}"));
        using var hello = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, agent.EndpointUrl + "/api/hello"));
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("policy_blocked", body.RootElement.GetProperty("error").GetProperty("type").GetString());
        Assert.Contains("netbird-agent up", body.RootElement.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(answer.Headers.GetValues("request-id").Single(), body.RootElement.GetProperty("request_id").GetString());
        Assert.Equal(HttpStatusCode.OK, hello.StatusCode);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(2));
        await EndAsync(run);
    }

    [Theory]
    [InlineData("private.key")]
    [InlineData("agent.log")]
    [InlineData("agent.db")]
    public async Task State_PlantedLink_IsRefused(string name)
    {
        await using var agent = new AgentProcess();
        Directory.CreateDirectory(agent.StateDir);
        var victim = Path.Combine(agent.Root, "victim");
        await File.WriteAllTextAsync(victim, "mine");
        File.CreateSymbolicLink(Path.Combine(agent.StateDir, name), victim);

        var outcome = await agent.RunAsync("service", "run");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("symbolic link", outcome.Error, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(victim));
    }

    [SkippableFact]
    public async Task State_OfSomebodyElse_IsRefused()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to give a folder away");
        await using var agent = new AgentProcess();
        Directory.CreateDirectory(agent.StateDir);
        Process.Start("chown", [Nobody, agent.StateDir]).WaitForExit();

        var outcome = await agent.RunAsync("service", "run");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("belongs to uid 65534", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task State_PrivateKeyOthersCanRead_IsRefused()
    {
        await using var agent = new AgentProcess();
        Directory.CreateDirectory(agent.StateDir);
        var key = Path.Combine(agent.StateDir, "private.key");
        await File.WriteAllTextAsync(key, Convert.ToBase64String(new byte[32]));
        File.SetUnixFileMode(key, (UnixFileMode)0b110_100_100);

        var outcome = await agent.RunAsync("service", "run");

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("can be read by others", outcome.Error, StringComparison.Ordinal);
    }

    internal static async Task<Process> RunServiceAsync(AgentProcess agent)
    {
        // A settings file is made by a login that fails; a service listens from its start.
        await agent.RunAsync("login", "--setup-key", "x", "--management-url", "http://127.0.0.1:1");
        await agent.RunAsync("down");
        var run = agent.Start("service", "run");
        for (var i = 0; i < 200 && (await agent.RunAsync("status")).ExitCode == 3; i++)
        {
            await Task.Delay(50);
        }

        return run;
    }

    internal static async Task EndAsync(Process run)
    {
        Process.Start("kill", ["-TERM", run.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();
        await AgentProcess.EndAsync(run, TimeSpan.FromSeconds(10));
    }

    private static Task<string> Curl(params string[] arguments) => Output("curl", ["--noproxy", "*", .. arguments]);

    private static Task<string> CurlAs(string uid, params string[] arguments) => RunAs(uid, ["curl", "--noproxy", "*", .. arguments]);

    private static Task<string> RunAs(string uid, params string[] command)
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to act as another uid");
        return Output("setpriv", ["--reuid", uid, "--regid", uid, "--clear-groups", "--", .. command]);
    }

    private static async Task<string> Output(string program, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return output + await error;
    }
}
