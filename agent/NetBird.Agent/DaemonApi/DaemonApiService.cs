using System.Threading.Channels;
using Grpc.Core;
using NetBird.Agent.Cli;
using NetBird.Agent.Endpoint;
using NetBird.Agent.Enrolment;
using NetBird.Agent.Identity;
using NetBird.Agent.Lifecycle;
using NetBird.Agent.Lifecycle.States;
using NetBird.Agent.Store;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.DaemonApi;

/// <summary>The calls of daemon.proto. Who may call was decided by the socket (OwnerOnly).</summary>
internal sealed class DaemonApiService(
    StateDirectory state, AgentStore store, AgentSupervisor supervisor, EndpointServer endpoint, LoginProcedure login, LogoutProcedure logout, StatusComposer status,
    BudgetWatch budget, DaemonLife life, TimeProvider time) : DaemonService.DaemonServiceBase
{
    /// <summary>Ours: a handshake and a network map take a second; what takes longer than this needs a person.</summary>
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(20);

    public override Task Up(UpRequest request, IServerStreamWriter<UpEvent> responseStream, ServerCallContext context)
        => ReportAsync(responseStream, context, tell => UpAsync(request, connect: true, CallerOf(context), tell, context.CancellationToken));

    public override Task Login(UpRequest request, IServerStreamWriter<UpEvent> responseStream, ServerCallContext context)
        => ReportAsync(responseStream, context, tell => UpAsync(request, connect: false, CallerOf(context), tell, context.CancellationToken));

    public override async Task<DownReply> Down(DownRequest request, ServerCallContext context)
    {
        store.Save(store.Settings with { WantUp = false });
        supervisor.StoreChanged(freshLogin: false);
        await SettleAsync(snapshot => !snapshot.State.Tunnels, context.CancellationToken).ConfigureAwait(false);
        if (life.EndsWithDown)
        {
            life.StopAfterReply();
        }

        return new DownReply { DaemonEnds = life.EndsWithDown };
    }

    public override async Task<LogoutReply> Logout(LogoutRequest request, ServerCallContext context)
    {
        life.Claim();
        var nobody = store.Enrolment is null;

        // Once begun it is finished, whoever waits for it: half a logout is a login whose token is dead.
        var leftBehind = await logout.RunAsync(CancellationToken.None).ConfigureAwait(false);
        await SettleAsync(snapshot => snapshot.State == AgentState.LoggedOut, context.CancellationToken).ConfigureAwait(false);
        return new LogoutReply { LeftBehind = leftBehind, NobodyWas = nobody };
    }

    public override async Task<StatusReply> GetStatus(GetStatusRequest request, ServerCallContext context)
    {
        await budget.RefreshAsync(context.CancellationToken).ConfigureAwait(false);
        return status.Compose();
    }

    public override async Task WatchStatus(
        GetStatusRequest request, IServerStreamWriter<StatusReply> responseStream, ServerCallContext context)
    {
        while (!context.CancellationToken.IsCancellationRequested)
        {
            var change = supervisor.NextChangeAsync(context.CancellationToken);
            await responseStream.WriteAsync(status.Compose(), context.CancellationToken).ConfigureAwait(false);
            try
            {
                await change.ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    public override async Task<BudgetReply> GetBudget(GetBudgetRequest request, ServerCallContext context)
        => await budget.RefreshAsync(context.CancellationToken).ConfigureAwait(false) is { } figures
            ? BudgetMapping.ToReply(figures)
            : throw new RpcException(new Status(StatusCode.Unavailable, BudgetWatch.NoFigures(supervisor.Snapshot)));

    public override Task<StopReply> Stop(StopRequest request, ServerCallContext context)
    {
        life.StopAfterReply();
        return Task.FromResult(new StopReply());
    }

    /// <summary>Sends what happens as events, in order, and turns failures into the last of them.</summary>
    private static async Task ReportAsync(
        IServerStreamWriter<UpEvent> stream, ServerCallContext context, Func<Action<UpEvent>, Task> work)
    {
        var events = Channel.CreateUnbounded<UpEvent>();
        var done = RunAsync();
        await foreach (var happened in events.Reader.ReadAllAsync(context.CancellationToken).ConfigureAwait(false))
        {
            await stream.WriteAsync(happened, context.CancellationToken).ConfigureAwait(false);
        }

        await done.ConfigureAwait(false);

        async Task RunAsync()
        {
            try
            {
                await work(happened => events.Writer.TryWrite(happened)).ConfigureAwait(false);
            }
            catch (LoginException e)
            {
                events.Writer.TryWrite(Failed(e.Message, e.IsFinal ? ExitCode.LoginNeeded : ExitCode.Failed));
            }
            catch (ControlPlaneException e)
            {
                events.Writer.TryWrite(Failed(e.Message, e.Problem switch
                {
                    ControlPlaneProblem.Blocked => ExitCode.NotPermitted,
                    ControlPlaneProblem.Refused or ControlPlaneProblem.LoginExpired => ExitCode.LoginNeeded,
                    _ => ExitCode.Failed,
                }));
            }
            catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
            {
                // The CLI went away; nobody is left to tell.
            }
            finally
            {
                events.Writer.Complete();
            }
        }
    }

    private async Task UpAsync(UpRequest request, bool connect, Caller? caller, Action<UpEvent> tell, CancellationToken cancellationToken)
    {
        life.Claim();
        if (request.Owner.Length != 0 && caller is not { IsAdministrator: true })
        {
            tell(Failed(OperatingSystem.IsWindows() ? "Only an administrator sets whom the service serves: run it from a prompt opened with 'Run as administrator'." : "Only root sets whom the service serves.", ExitCode.NotPermitted));
            return;
        }

        var wanted = Merge(store.Settings, request);
        var url = ManagementUrl.TryParse(wanted.ManagementUrl ?? "", out var problem);
        if (url is null)
        {
            tell(Failed(wanted.ManagementUrl is null ? "Name the control plane once: netbird-agent up --management-url https://..." : problem, ExitCode.WrongUsage));
            EndIfOfNoUse();
            return;
        }

        if (await endpoint.ListenAsync(wanted.Endpoint, cancellationToken).ConfigureAwait(false) is { } taken)
        {
            supervisor.Post(new AgentEvent.EndpointChanged(endpoint.Url.Length == 0 ? taken : null));
            tell(Failed(taken, ExitCode.Failed));
            EndIfOfNoUse();
            return;
        }

        supervisor.Post(new AgentEvent.EndpointChanged(null));
        var before = store.Settings;
        var moves = before.ManagementUrl is { } there && there != wanted.ManagementUrl;

        // A login that stands goes on as it is until the one elsewhere has gone through: the address may be mistyped.
        store.Save(moves && store.Enrolment is not null
            ? wanted with { ManagementUrl = before.ManagementUrl, WantUp = before.WantUp }
            : wanted with { WantUp = connect || before.WantUp });
        state.PublishOwner(wanted.Owner ?? ProcessOwner.Account);
        supervisor.StoreChanged(freshLogin: false);
        if (!connect || moves || LoginIsNeeded())
        {
            await login.RunAsync(
                url, request, () => store.Save(store.Settings with { ManagementUrl = wanted.ManagementUrl, WantUp = connect || before.WantUp }),
                prompt => tell(ToEvent(prompt)), cancellationToken).ConfigureAwait(false);
        }
        else if (request.SetupKey.Length != 0)
        {
            tell(new UpEvent { Progress = "The setup key is not used: this machine is logged in already, and 'netbird-agent login --setup-key -' logs it in anew." });
        }

        supervisor.StoreChanged(freshLogin: false);
        if (store.Problem is { } unwritten)
        {
            tell(new UpEvent { Progress = unwritten });
        }

        if (connect)
        {
            tell(new UpEvent { Progress = "Connecting" });
            await ConnectAsync(tell, cancellationToken).ConfigureAwait(false);
            return;
        }

        tell(new UpEvent { Connected = status.Compose() });
    }

    /// <summary>
    /// A daemon that this <c>up</c> started and that listens nowhere says nothing to Claude Code; left running, later commands
    /// would ask it in place of the machine's service.
    /// </summary>
    private void EndIfOfNoUse()
    {
        if (life.EndsWithDown && endpoint.Url.Length == 0 && !supervisor.Snapshot.State.Tunnels)
        {
            life.StopAfterReply();
        }
    }

    /// <summary>Who is at the other end; null when it cannot be told.</summary>
    private static Caller? CallerOf(ServerCallContext context) => OwnerOnly.CallerOf(context.GetHttpContext().Features);

    private bool LoginIsNeeded() => supervisor.Snapshot.Facts.Login is LoginStanding.None or LoginStanding.Removed or LoginStanding.Expired;

    private async Task ConnectAsync(Action<UpEvent> tell, CancellationToken cancellationToken)
    {
        var told = "";
        var settled = await SettleAsync(
            snapshot =>
            {
                if (snapshot.State == AgentState.Connecting && snapshot.Reason is { Length: > 0 } reason && reason != told)
                {
                    told = reason;
                    tell(new UpEvent { Progress = reason });
                }

                return snapshot.State == AgentState.Connected || (snapshot.State == AgentState.LoginNeeded && !MayRenewItself(snapshot))
                    || (snapshot.State == AgentState.Connecting && snapshot.Facts.TunnelProblem is not null);
            },
            cancellationToken).ConfigureAwait(false);
        await budget.RefreshAsync(cancellationToken).ConfigureAwait(false);
        tell(settled.State == AgentState.Connected || (settled.State == AgentState.Degraded && settled.Facts.GatewayAnswers)
            ? new UpEvent { Connected = status.Compose() }
            : Failed(settled.Reason, settled.Facts.Login switch
            {
                LoginStanding.Blocked => ExitCode.NotPermitted,
                LoginStanding.Valid => ExitCode.NotRunning,
                _ => ExitCode.LoginNeeded,
            }));
    }

    /// <summary>The login ended while the machine was away, and the refresh token was not tried yet: nobody has to be asked.</summary>
    private bool MayRenewItself(AgentSnapshot snapshot)
        => snapshot.Facts is { Login: LoginStanding.Expired, RenewalProblem: null }
            && store.Enrolment is { RefreshToken: not null } or { TokenInKeyring: true };

    /// <summary>Waits until the state is as wanted, or patience ends; the snapshot then.</summary>
    private async Task<AgentSnapshot> SettleAsync(Func<AgentSnapshot, bool> wanted, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(ConnectPatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            // The first look waits for the events posted so far: the snapshot before them says nothing about them.
            await supervisor.CaughtUpAsync(either.Token).ConfigureAwait(false);
            while (true)
            {
                var change = supervisor.NextChangeAsync(either.Token);
                if (wanted(supervisor.Snapshot))
                {
                    return supervisor.Snapshot;
                }

                await change.ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return supervisor.Snapshot;
        }
    }

    private static AgentSettings Merge(AgentSettings settings, UpRequest request) => settings with
    {
        ManagementUrl = request.ManagementUrl.Length != 0 ? request.ManagementUrl.TrimEnd('/') : settings.ManagementUrl,
        Endpoint = request.Endpoint.Length != 0 ? request.Endpoint : settings.Endpoint,
        HttpsEndpoint = request.HttpsEndpoint.Length != 0 ? request.HttpsEndpoint : settings.HttpsEndpoint,
        Owner = request.Owner.Length != 0 ? new AccountId(request.Owner) : settings.Owner,
        Tunnel = request.Tunnel.Length != 0 ? request.Tunnel : settings.Tunnel,
        TunnelNamespace = request.TunnelNamespace.Length != 0 ? request.TunnelNamespace : settings.TunnelNamespace,
    };

    private static UpEvent ToEvent(LoginPrompt prompt) => prompt switch
    {
        LoginPrompt.OpenUrl open => new UpEvent { OpenUrl = open.Url },
        LoginPrompt.EnterCode code => new UpEvent
        {
            DeviceCode = new DeviceCode
            {
                UserCode = code.UserCode,
                VerificationUrl = code.Url,
                VerificationUrlComplete = code.UrlWithCode,
                ExpiresAt = code.ExpiresAt.ToUnixTimeSeconds(),
            },
        },
        LoginPrompt.Step step => new UpEvent { Progress = step.Text },
        _ => throw new InvalidOperationException($"Unknown prompt {prompt.GetType().Name}."),
    };

    private static UpEvent Failed(string message, int exitCode)
        => new() { Failed = new Failure { Message = message, ExitCode = exitCode } };
}
