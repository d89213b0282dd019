using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using Grpc.Net.Client;
using Grpc.Net.Client.Web;
using NetBird.Protocol.Agent.V1;
using Xunit.Abstractions;

namespace NetBird.ControlPlane.Tests.AgentApi;

/// <summary>
/// As many connected agents as the executable promises: what a change costs, when the last of them has it, and what it
/// holds in memory. Too long for every run; NETBIRD_LONG=1 runs it.
/// </summary>
public sealed class ManyAgentsTests(ITestOutputHelper output)
{
    private const int Agents = 5000;
    private const int AtOnce = 24;

    [SkippableFact]
    public async Task Change_OfTheAccountsName_ReachesFiveThousandAgents()
    {
        Skip.If(Environment.GetEnvironmentVariable("NETBIRD_LONG") is not "1", "Long; set NETBIRD_LONG=1.");
        Skip.IfNot(OperatingSystem.IsLinux(), "Memory and processor time are read from /proc.");
        using var state = new TemporaryState();
        var url = new Uri($"http://127.0.0.1:{FreePort()}");
        using var plane = await StartAsync(url, Path.Combine(state.Path, "state"));
        try
        {
            await RunAsync(url, Path.Combine(state.Path, "state"), plane);
        }
        finally
        {
            plane.Kill();
            await plane.WaitForExitAsync();
        }
    }

    private async Task RunAsync(Uri url, string state, Process plane)
    {
        using var admin = new HttpClient { BaseAddress = url };
        admin.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Token " + (await File.ReadAllTextAsync(Path.Combine(state, "admin-token"))).Trim());
        using var made = await admin.PostAsJsonAsync("/api/setup-keys", new { name = "many", usage_limit = 0, expires_in = 86400 });
        var key = (await made.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>()).GetProperty("key").GetString()!;
        using var channel = GrpcChannel.ForAddress(url, new GrpcChannelOptions
        {
            HttpHandler = new GrpcWebHandler(GrpcWebMode.GrpcWeb, new SocketsHttpHandler()),
            HttpVersion = HttpVersion.Version11,
            MaxReceiveMessageSize = null,
        });

        var watch = Stopwatch.StartNew();
        var agents = new Listener[Agents];
        await Parallel.ForAsync(0, Agents, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, cancel) =>
        {
            var agent = new TestAgent(url, channel);
            await agent.EnrolAsync(setupKey: key);
            agents[i] = new(agent, await agent.SyncAsync());
            await agents[i].UntilAsync("", cancel);
        });
        output.WriteLine($"{Agents} agents enrolled and connected in {watch.Elapsed.TotalSeconds:F0} s; {Memory(plane)} MiB");

        var (cpu, began) = (plane.TotalProcessorTime, watch.Elapsed);
        await Task.Delay(TimeSpan.FromSeconds(20));
        plane.Refresh();
        output.WriteLine($"idle: {(plane.TotalProcessorTime - cpu) / (watch.Elapsed - began) * 100:F1} % of a core, {Memory(plane)} MiB");

        for (var round = 0; round < 5; round++)
        {
            var name = $"Account {round}";
            plane.Refresh();
            (cpu, began) = (plane.TotalProcessorTime, watch.Elapsed);
            using var put = await admin.PutAsJsonAsync("/api/agent-network/settings", new { account_name = name });
            var answered = watch.Elapsed - began;
            Assert.True(put.IsSuccessStatusCode);
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            var arrivals = await Task.WhenAll(agents.Select(async agent =>
            {
                await agent.UntilAsync(name, limit.Token);
                return watch.Elapsed - began;
            }));
            plane.Refresh();
            Array.Sort(arrivals);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"change {round}: answered after {answered.TotalMilliseconds:F0} ms, at half of them after {arrivals[Agents / 2].TotalMilliseconds:F0} ms, at the last after {arrivals[^1].TotalMilliseconds:F0} ms; {(plane.TotalProcessorTime - cpu).TotalMilliseconds:F0} ms of processor; {Memory(plane)} MiB"));
        }
    }

    private static async Task<Process> StartAsync(Uri url, string state)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "../../NetBird.ControlPlane/release/netbird-controlplane");
        var start = new ProcessStartInfo(program) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])["serve", "--state-dir", state, "--http", url.Authority, "--tunnel", "rootless", "--wireguard-port", "0"])
        {
            start.ArgumentList.Add(argument);
        }

        var plane = Process.Start(start)!; // a process that cannot start throws
        plane.ErrorDataReceived += (_, _) => { };
        plane.BeginErrorReadLine();
        using var http = new HttpClient { BaseAddress = url };
        for (var i = 0; i < 600; i++)
        {
            try
            {
                if ((await http.GetAsync("/readyz")).IsSuccessStatusCode)
                {
                    return plane;
                }
            }
            catch (HttpRequestException)
            {
            }

            await Task.Delay(100);
        }

        plane.Kill();
        throw new InvalidOperationException("The control plane is not ready.");
    }

    private static long Memory(Process plane)
    {
        plane.Refresh();
        return plane.WorkingSet64 / 1024 / 1024;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>One agent's stream, read as it comes.</summary>
    private sealed class Listener(TestAgent agent, Grpc.Core.AsyncServerStreamingCall<SyncUpdate> call)
    {
        /// <summary>Reads until a map says this account name; empty: until any map.</summary>
        public async Task UntilAsync(string account, CancellationToken cancellationToken)
        {
            while (await call.ResponseStream.MoveNext(cancellationToken))
            {
                if (call.ResponseStream.Current.Map is { } map && (account.Length == 0 || map.AccountName == account))
                {
                    return;
                }
            }

            throw new InvalidOperationException($"The stream of {agent.Key.PublicKey} ended.");
        }
    }
}
