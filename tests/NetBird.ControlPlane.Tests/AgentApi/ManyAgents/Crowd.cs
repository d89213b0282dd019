using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Web;
using NetBird.Protocol.Agent.V1;
using PublicKey = NetBird.Primitives.PublicKey;

namespace NetBird.ControlPlane.Tests.AgentApi.ManyAgents;

/// <summary>Agents that keep their stream open and come back when it breaks, as the agent's SyncLoop and Backoff do.</summary>
internal sealed class Crowd : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<GrpcChannel> _channels = [];
    private readonly List<Member> _members = [];
    private readonly List<Task> _running = [];

    /// <summary>Attempts that failed since the start.</summary>
    public int Failures;

    public int Count => _members.Count;

    public int Connected => _members.Count(member => member.Connected);

    /// <summary>Enrols so many machines at a node and waits until each has its first map.</summary>
    public async Task EnrolAsync(Uri url, string setupKey, int count, int atOnce)
    {
        var channel = GrpcChannel.ForAddress(url, new GrpcChannelOptions
        {
            HttpHandler = new GrpcWebHandler(GrpcWebMode.GrpcWeb, new SocketsHttpHandler()),
            HttpVersion = HttpVersion.Version11,
        });
        _channels.Add(channel);
        using var first = new TestAgent(url, GrpcChannel.ForAddress(url, new GrpcChannelOptions
        {
            HttpHandler = new GrpcWebHandler(GrpcWebMode.GrpcWeb, new SocketsHttpHandler()),
            HttpVersion = HttpVersion.Version11,
        }));
        var server = await first.ServerKeyAsync();
        var joined = new Member[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = atOnce }, async (i, _) =>
        {
            var agent = new TestAgent(url, channel) { ServerKey = server };
            await agent.EnrolAsync(setupKey: setupKey);
            joined[i] = new(this, agent);
        });
        _members.AddRange(joined);
        _running.AddRange(joined.Select(member => member.RunAsync(_stop.Token)));
        await UntilAsync(() => joined.All(member => member.Connected), TimeSpan.FromMinutes(10));
    }

    /// <summary>When each of them had a map with this account name, in order; measured by the caller's clock.</summary>
    public async Task<TimeSpan[]> ArrivalsAsync(string account, Func<TimeSpan> clock)
    {
        var arrivals = await Task.WhenAll(_members.Select(member => member.HearAsync(account, clock)));
        Array.Sort(arrivals);
        return arrivals;
    }

    public static async Task UntilAsync(Func<bool> isSo, TimeSpan atMost)
    {
        using var limit = new CancellationTokenSource(atMost);
        while (!isSo())
        {
            await Task.Delay(20, limit.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        _channels.ForEach(channel => channel.Dispose());
        _stop.Dispose();
    }

    private sealed class Member(Crowd crowd, TestAgent agent)
    {
        private volatile string _account = "";
        private volatile TaskCompletionSource _heard = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public volatile bool Connected;

        public async Task<TimeSpan> HearAsync(string account, Func<TimeSpan> clock)
        {
            while (true)
            {
                var heard = _heard;
                if (_account == account)
                {
                    return clock();
                }

                await heard.Task.WaitAsync(TimeSpan.FromMinutes(2));
            }
        }

        public async Task RunAsync(CancellationToken stop)
        {
            for (var attempt = 0; !stop.IsCancellationRequested;)
            {
                try
                {
                    using var call = agent.Client.Sync(new SyncRequest { Machine = TestAgent.Laptop, StaysWhileBlocked = true }, await agent.ProofAsync("Sync"), cancellationToken: stop);
                    while (await call.ResponseStream.MoveNext(stop))
                    {
                        if (call.ResponseStream.Current.Map is { } map)
                        {
                            (attempt, Connected, _account) = (0, true, map.AccountName);
                            var heard = _heard;
                            _heard = new(TaskCreationOptions.RunContinuationsAsynchronously);
                            heard.SetResult();
                        }
                    }
                }
                catch (Exception e) when (e is RpcException or OperationCanceledException)
                {
                    Interlocked.Increment(ref crowd.Failures);
                }

                Connected = false;
                var wait = Math.Min(2000, 250 * (1 << Math.Min(attempt++, 6))) * (0.5 + (Random.Shared.NextDouble() / 2));
                await Task.WhenAny(Task.Delay(TimeSpan.FromMilliseconds(wait), CancellationToken.None), Task.Delay(Timeout.Infinite, stop));
            }

            agent.Key.Dispose();
        }
    }
}
