using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>The whole way from a client on loopback through a real tunnel, with the real executable.</summary>
public sealed class ConnectionTests
{
    [SkippableFact]
    public async Task Up_WithSetupKey_CarriesARequestToTheGateway()
    {
        await using var world = await AgentWorld.StartAsync();
        world.Gateway.Answer = context => context.Response.WriteAsync($"{context.Request.Method} {context.Request.Path} from {context.Connection.RemoteIpAddress}");

        var outcome = await world.UpAsync();
        using var client = world.Client();
        var answer = await client.GetStringAsync("/v1/models");

        Assert.True(outcome.ExitCode == 0, outcome + world.Agent.ReadLog());
        Assert.Equal("GET /v1/models from 100.64.7.7", answer);
        var status = await world.Agent.StatusAsync();
        Assert.Equal("connected", status.GetProperty("state").GetString());
        Assert.Equal("Ada Example", status.GetProperty("user_name").GetString());
    }

    [SkippableFact]
    public async Task Forward_AnyRequest_ArrivesByteForByte()
    {
        await using var world = await AgentWorld.StartAsync();
        var seen = "";
        var headers = new HeaderDictionary();
        byte[] body = [];
        world.Gateway.Answer = async context =>
        {
            seen = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
            foreach (var header in context.Request.Headers)
            {
                headers[header.Key] = header.Value;
            }

            using var memory = new MemoryStream();
            await context.Request.Body.CopyToAsync(memory);
            body = memory.ToArray();
            context.Response.Headers["x-mine"] = "ü";
            await context.Response.WriteAsync("ok");
        };
        await world.UpAsync();
        var sent = new byte[3_000_000];
        new Random(1).NextBytes(sent);
        const string Target = "/v1/messages%2Fx/../y?beta=true&a=%41%20+&b";

        using var socket = new System.Net.Sockets.TcpClient("127.0.0.1", world.Agent.EndpointPort);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(
            $"POST {Target} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: none\r\nAuthorization: Bearer -\r\nX-Odd: \u00e9\r\nContent-Length: {sent.Length}\r\nConnection: close\r\n\r\n"));
        await stream.WriteAsync(sent);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        var answer = await reader.ReadToEndAsync();

        Assert.True(answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal), answer + world.Agent.ReadLog());
        Assert.Equal(Target, seen);
        Assert.Equal(sent, body);
        Assert.Equal("\u00e9", headers["X-Odd"]);
        Assert.Equal("none", headers["X-Api-Key"]);
        Assert.Equal("Bearer -", headers["Authorization"]);
        Assert.DoesNotContain(headers.Keys, name => name.StartsWith("X-Forwarded", StringComparison.OrdinalIgnoreCase) || name == "traceparent" || name == "Via");
    }

    [SkippableFact]
    public async Task Forward_Stream_ArrivesPieceByPiece()
    {
        await using var world = await AgentWorld.StartAsync();
        var next = new SemaphoreSlim(0);
        world.Gateway.Answer = async context =>
        {
            context.Response.ContentType = "text/event-stream";
            for (var i = 0; i < 3; i++)
            {
                await context.Response.WriteAsync($"data: {i}\n\n");
                await context.Response.Body.FlushAsync();
                await next.WaitAsync();
            }
        };
        await world.UpAsync();
        using var client = world.Client();

        using var answer = await client.GetAsync("/stream", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        for (var i = 0; i < 3; i++)
        {
            // Each piece is read before the next is written, so anything held back would hang here.
            Assert.Equal($"data: {i}", await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(5)));
            await reader.ReadLineAsync();
            next.Release();
        }

        Assert.Null(await reader.ReadLineAsync());
    }

    [SkippableFact]
    public async Task Forward_ClientGoesAway_CancelsAtTheGateway()
    {
        await using var world = await AgentWorld.StartAsync();
        var cancelled = new TaskCompletionSource();
        world.Gateway.Answer = context =>
        {
            context.RequestAborted.Register(() => cancelled.TrySetResult());
            return TestGateway.OneEventAsync(context);
        };
        await world.UpAsync();
        using var client = world.Client();

        using (var answer = await client.GetAsync("/stream", HttpCompletionOption.ResponseHeadersRead))
        {
            var buffer = new byte[8];
            await (await answer.Content.ReadAsStreamAsync()).ReadExactlyAsync(buffer);
        }

        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(5));
    }

    [SkippableFact]
    public async Task Forward_GatewayBreaksTheStream_EndsCleanly()
    {
        await using var world = await AgentWorld.StartAsync();
        world.Gateway.Answer = async context =>
        {
            await context.Response.WriteAsync("data: 1\n\n");
            await context.Response.Body.FlushAsync();

            // A reset right behind the data would take the data with it on the way.
            await Task.Delay(300);
            context.Abort();
        };
        await world.UpAsync();
        using var client = world.Client();

        var text = await client.GetStringAsync("/stream");

        Assert.Equal("data: 1\n\n", text);
    }

    [SkippableFact]
    public async Task Down_AfterUp_EndsTheDaemonAndLeavesNothing()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        var daemon = world.Agent.DaemonId;

        var outcome = await world.Agent.RunAsync("down");
        var status = await world.Agent.RunAsync("status");

        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal(3, status.ExitCode);
        Assert.True(await IsGone(daemon), "the daemon still runs");
    }

    [SkippableFact]
    public async Task Exec_WhileConnected_SetsTheVariablesAndPassesTheExitCode()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        world.Agent.Environment["ANTHROPIC_API_KEY"] = "sk-ant-real";
        world.Agent.Environment["ANTHROPIC_AUTH_TOKEN"] = "real";

        var outcome = await world.Agent.RunAsync("exec", "--", "sh", "-c", "echo $ANTHROPIC_BASE_URL $ANTHROPIC_API_KEY [$ANTHROPIC_AUTH_TOKEN]; exit 42");

        Assert.Equal(42, outcome.ExitCode);
        Assert.Equal($"{world.Agent.EndpointUrl} none []\n", outcome.Output);
    }

    [SkippableFact]
    public async Task Exec_BySocket_NamesTheOneThatAnswers()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();

        var outcome = await world.Agent.RunAsync("exec", "--socket", "--", "sh", "-c", "curl -s --unix-socket $ANTHROPIC_UNIX_SOCKET http://localhost/v1/models");

        Assert.Equal("hello", outcome.Output);
    }

    /// <summary>As a shell answers (POSIX 2.8.2).</summary>
    [SkippableTheory]
    [InlineData("", 2, "Name a command.")]
    [InlineData("/no/such/program", 127, "there is no such program")]
    [InlineData("/", 126, "it is a folder")]
    [InlineData("/etc/passwd", 126, "it is not executable")]
    public async Task Exec_WhatCannotBeRun_SaysWhyInALine(string program, int exitCode, string words)
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();

        var outcome = await world.Agent.RunAsync("exec", "--", program);

        Assert.Equal(exitCode, outcome.ExitCode);
        Assert.Contains(words, outcome.Error, StringComparison.Ordinal);
        Assert.Single(outcome.Error.Trim().Split('\n'));
    }

    [SkippableFact]
    public async Task Exec_AskedToEnd_AsksTheCommand_AndPassesItsAnswerOn()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var run = world.Agent.Start("exec", "--", "sh", "-c", "trap 'echo asked; exit 3' TERM; echo ready; i=0; while [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done");
        Assert.Equal("ready", await run.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)));

        Signal("TERM", run.Id.ToString(CultureInfo.InvariantCulture));

        var outcome = await AgentProcess.EndAsync(run, TimeSpan.FromSeconds(60));
        Assert.Equal((3, "asked\n"), (outcome.ExitCode, outcome.Output));
    }

    /// <summary>The terminal sends it to both; what the command makes of it, and how long that takes, is its own affair.</summary>
    [SkippableFact]
    public async Task Exec_CtrlC_IsTheCommandsOwn()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var run = world.Agent.Start("exec", "--", "sh", "-c", "trap 'echo stopping; sleep 6; exit 9' INT; echo $$; i=0; while [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done");
        var command = await run.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));

        Signal("INT", run.Id.ToString(CultureInfo.InvariantCulture), command!);

        var outcome = await AgentProcess.EndAsync(run, TimeSpan.FromSeconds(60));
        Assert.Equal((9, "stopping\n"), (outcome.ExitCode, outcome.Output));
    }

    private static void Signal(string signal, params string[] processes)
    {
        using var kill = Process.Start("kill", ["-s", signal, .. processes]);
        kill.WaitForExit();
    }

    /// <summary>A mistyped address, while a login elsewhere stands.</summary>
    [SkippableFact]
    public async Task Up_ElsewhereWhereNobodyAnswers_KeepsWhatWorks()
    {
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var client = world.Client();

        var elsewhere = await world.Agent.RunAsync("up", "--no-browser", "--management-url", "http://127.0.0.1:1");
        var passes = await client.GetStringAsync("/v1/models");
        var status = await world.Agent.StatusAsync();
        await world.Agent.RunAsync("down");
        var again = await world.Agent.RunAsync("up");

        Assert.Equal(1, elsewhere.ExitCode);
        Assert.Equal("hello", passes);
        Assert.Equal(("connected", world.Plane.Url), (status.GetProperty("state").GetString(), status.GetProperty("management_url").GetString()));
        Assert.True(again.ExitCode == 0, again.ToString());
    }

    [SkippableFact]
    public async Task Up_ElsewhereWithALogin_MovesThere()
    {
        await using var world = await AgentWorld.StartAsync();
        await using var other = await TestControlPlane.StartAsync();
        (other.Map, other.Enrolled) = (world.Plane.Map, world.Plane.Enrolled);
        await world.UpAsync();

        var up = await world.Agent.RunWithAsync(other.SetupKey + "\n", "up", "--setup-key", "-", "--management-url", other.Url);
        using var client = world.Client();
        var passes = await client.GetStringAsync("/v1/models");
        var status = await world.Agent.StatusAsync();

        Assert.True(up.ExitCode == 0, up.ToString());
        Assert.Equal("hello", passes);
        Assert.Equal(("connected", other.Url), (status.GetProperty("state").GetString(), status.GetProperty("management_url").GetString()));
    }

    /// <summary>A root daemon could do anything; it keeps the tunnel's rights and a port below 1024 (linux/capability.h: 10, 12, 21).</summary>
    [SkippableFact]
    public async Task Daemon_OfRoot_KeepsTheTunnelsRightsAlone()
    {
        Skip.IfNot(Rights(Environment.ProcessId, "CapBnd") is var all && (all & (1 << 8)) != 0, "this process may not give rights up");
        await using var world = await AgentWorld.StartAsync();
        await world.UpAsync();
        using var client = world.Client();

        Assert.Equal("hello", await client.GetStringAsync("/v1/models"));
        foreach (var set in new[] { "CapEff", "CapPrm", "CapBnd" })
        {
            Assert.Equal(all & ((1UL << 10) | (1UL << 12) | (1UL << 21)), Rights(world.Agent.DaemonId, set));
        }

        static ulong Rights(int process, string set) => ulong.Parse(
            File.ReadLines($"/proc/{process}/status").Single(line => line.StartsWith(set + ":", StringComparison.Ordinal)).Split('\t')[1],
            System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture);
    }

    [SkippableFact]
    public async Task Foreground_Sigterm_EndsWithinFiveSeconds()
    {
        await using var world = await AgentWorld.StartAsync();
        var up = world.Agent.StartWith(world.Plane.SetupKey + "\n", "up", "--foreground", "--setup-key", "-", "--management-url", world.Plane.Url);
        await world.Agent.UntilStateAsync("connected", TimeSpan.FromSeconds(20));
        var watch = Stopwatch.StartNew();

        Process.Start("kill", ["-TERM", up.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();
        var outcome = await AgentProcess.EndAsync(up, TimeSpan.FromSeconds(10));

        Assert.Equal(0, outcome.ExitCode);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"{watch.Elapsed}");
    }

    /// <summary>Gone, or ended and not yet collected by its parent.</summary>
    private static async Task<bool> IsGone(int process)
    {
        for (var i = 0; i < 40; i++)
        {
            if (!File.Exists($"/proc/{process}/stat") || (await File.ReadAllTextAsync($"/proc/{process}/stat")).Contains(") Z ", StringComparison.Ordinal))
            {
                return true;
            }

            await Task.Delay(50);
        }

        return false;
    }
}
