using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using NetBird.Protocol.Agent.V1;
using NetBird.WireGuard;
using PublicKey = NetBird.Primitives.PublicKey;

namespace NetBird.Agent.Tests.TestSupport;

/// <summary>
/// The control plane's side of agent.proto for tests of the agent alone: it checks every proof for real, lets in whoever
/// it was told to, and hands out the map it was given.
/// </summary>
internal sealed class TestControlPlane : AgentService.AgentServiceBase, IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, bool> _nonces = [];
    private WebApplication? _web;
    private TaskCompletionSource _mapChanged = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public PrivateKey Key { get; } = PrivateKey.Generate();

    public int Port { get; private set; }

    public string Url => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}");

    public string Issuer { get; set; } = "";

    public string Scope { get; set; } = "openid profile email groups offline_access";

    public string SetupKey { get; set; } = "setup-key-for-tests";

    /// <summary>What each ID token that arrived was; kept to look into.</summary>
    public ConcurrentQueue<string> IdTokens { get; } = new();

    public ConcurrentDictionary<PublicKey, string> Peers { get; } = new();

    public DateTimeOffset? LoginExpiresAt { get; set; }

    public TimeSpan? LoginLifetime { get; set; }

    public Action<PublicKey> Enrolled { get; set; } = _ => { };

    public int Renewals { get; private set; }

    /// <summary>Awaited between a renewal and the words that tell of it.</summary>
    public Func<Task> Renewed { get; set; } = () => Task.CompletedTask;

    public int Departures { get; private set; }

    /// <summary>Refuses every proved call with this, when set.</summary>
    public Status? Refusal { get; set; }

    public NetworkMap Map { get; set; } = new();

    public GetBudgetReply Budget { get; set; } = new();

    /// <summary>Whoever asks for the budget waits until they give up; all else goes on.</summary>
    public bool Hangs { get; set; }

    /// <summary>Answers about the budget wait for it.</summary>
    public TaskCompletionSource? BudgetHold { get; set; }

    /// <summary>How often the budget was asked for.</summary>
    public int BudgetAsked => Volatile.Read(ref _budgetAsked);

    private int _budgetAsked;

    public async Task UntilBudgetAskedAsync(int times)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (BudgetAsked < times)
        {
            await Task.Delay(10, limit.Token);
        }
    }

    public static async Task<TestControlPlane> StartAsync(string issuer = "", int port = 0)
    {
        var plane = new TestControlPlane { Issuer = issuer, Port = port == 0 ? Ports.Free() : port };
        await plane.RestartAsync();
        return plane;
    }

    public async Task RestartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc();
        builder.Services.AddLogging();
        builder.Services.AddSingleton(this);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, Port, listen => listen.Protocols = HttpProtocols.Http1));
        _web = builder.Build();
        _web.UseRouting();
        _web.UseGrpcWeb(new GrpcWebOptions { DefaultEnabled = true });
        _web.MapGrpcService<TestControlPlane>();
        await _web.StartAsync();
    }

    public async Task StopAsync()
    {
        if (_web is { } web)
        {
            using var now = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
            await web.StopAsync(now.Token);
            await web.DisposeAsync();
            _web = null;
        }
    }

    /// <summary>Sends the map again to every stream.</summary>
    public void Push()
    {
        var old = _mapChanged;
        _mapChanged = new(TaskCreationOptions.RunContinuationsAsynchronously);
        old.SetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Key.Dispose();
    }

    public override Task<GetLoginInfoReply> GetLoginInfo(GetLoginInfoRequest request, ServerCallContext context) => Task.FromResult(new GetLoginInfoReply
    {
        Issuer = Issuer,
        ClientId = "netbird-agent",
        Scope = Scope,
        DeviceCodeSupported = true,
        ControlPlanePublicKey = Key.PublicKey.ToString(),
        ControlPlaneVersion = "test",
        AccountName = "Test",
    });

    public override Task<GetChallengeReply> GetChallenge(GetChallengeRequest request, ServerCallContext context)
    {
        var nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        _nonces[nonce] = true;
        return Task.FromResult(new GetChallengeReply { Nonce = nonce });
    }

    public override Task<EnrolReply> Enrol(EnrolRequest request, ServerCallContext context)
    {
        var key = new PublicKey(request.PublicKey.Span);
        var secret = request.IdentityCase == EnrolRequest.IdentityOneofCase.IdToken ? request.IdToken : request.SetupKey;
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
        Check(key, request.Nonce, $"enrol|{request.Nonce}|{digest}", request.Proof.Span);
        if (request.IdentityCase == EnrolRequest.IdentityOneofCase.SetupKey && request.SetupKey != SetupKey)
        {
            throw new RpcException(new Status(StatusCode.Unauthenticated, "This setup key is not known."));
        }

        if (request.IdentityCase == EnrolRequest.IdentityOneofCase.IdToken)
        {
            IdTokens.Enqueue(request.IdToken);
        }

        Peers[key] = "person";
        Enrolled(key);
        Extend();
        return Task.FromResult(new EnrolReply { PeerId = "peer-1", UserName = "ada Example", LoginExpiresAt = LoginExpiresAt?.ToUnixTimeSeconds() ?? 0 });
    }

    public override async Task<RenewLoginReply> RenewLogin(RenewLoginRequest request, ServerCallContext context)
    {
        Prove(context);
        IdTokens.Enqueue(request.IdToken);
        Renewals++;
        Extend();
        await Renewed();
        return new RenewLoginReply { LoginExpiresAt = LoginExpiresAt?.ToUnixTimeSeconds() ?? 0 };
    }

    public override async Task Sync(SyncRequest request, IServerStreamWriter<SyncUpdate> responseStream, ServerCallContext context)
    {
        Prove(context);
        if (LoginExpiresAt < DateTimeOffset.UtcNow)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, "Your login has ended."));
        }

        while (!context.CancellationToken.IsCancellationRequested)
        {
            var changed = _mapChanged.Task;
            if (request.StaysWhileBlocked && Refusal is { StatusCode: StatusCode.PermissionDenied } block)
            {
                await responseStream.WriteAsync(new SyncUpdate { Blocked = new Blocked { Detail = block.Detail } }, context.CancellationToken);
                await changed.WaitAsync(context.CancellationToken);
                continue;
            }

            if (Refusal is { } refusal)
            {
                throw new RpcException(refusal);
            }

            var map = Map.Clone();
            map.LoginExpiresAt = LoginExpiresAt?.ToUnixTimeSeconds() ?? 0;
            await responseStream.WriteAsync(new SyncUpdate { Map = map }, context.CancellationToken);
            await Task.WhenAny(changed, LoginEndsAsync(context.CancellationToken));
            if (LoginExpiresAt < DateTimeOffset.UtcNow)
            {
                throw new RpcException(new Status(StatusCode.FailedPrecondition, "Your login has ended."));
            }
        }
    }

    public override Task<LeaveReply> Leave(LeaveRequest request, ServerCallContext context)
    {
        Peers.TryRemove(Prove(context), out _);
        Departures++;
        return Task.FromResult(new LeaveReply());
    }

    public override async Task<GetBudgetReply> GetBudget(GetBudgetRequest request, ServerCallContext context)
    {
        Prove(context);
        Interlocked.Increment(ref _budgetAsked);
        if (Hangs)
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        }

        if (BudgetHold is { } hold)
        {
            await hold.Task;
        }

        return Budget;
    }

    /// <summary>As the real one, which ends a stream with the login; a renewal meanwhile moves the end.</summary>
    private async Task LoginEndsAsync(CancellationToken cancellationToken)
    {
        do
        {
            await Task.Delay(50, cancellationToken);
        }
        while (LoginExpiresAt is null || LoginExpiresAt >= DateTimeOffset.UtcNow);
    }

    private void Extend()
    {
        if (LoginLifetime is { } lifetime)
        {
            LoginExpiresAt = DateTimeOffset.UtcNow + lifetime;
        }
    }

    private PublicKey Prove(ServerCallContext context)
    {
        if (!PublicKey.TryParse(context.RequestHeaders.GetValue("netbird-peer-key"), out var key))
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "no key"));
        }

        var nonce = context.RequestHeaders.GetValue("netbird-nonce")!;
        Check(key, nonce, $"{context.Method}|{nonce}", context.RequestHeaders.GetValueBytes("netbird-proof-bin"));
        if (Refusal is { } refusal)
        {
            throw new RpcException(refusal);
        }

        return Peers.ContainsKey(key) ? key : throw new RpcException(new Status(StatusCode.NotFound, "This machine was removed from the account."));
    }

    private void Check(PublicKey key, string nonce, string message, ReadOnlySpan<byte> proof)
    {
        if (!_nonces.TryRemove(nonce, out _) || !KeyProof.Verify(Key, key, Encoding.UTF8.GetBytes(message), proof))
        {
            throw new RpcException(new Status(StatusCode.Unauthenticated, "The proof does not hold."));
        }
    }
}
