using Microsoft.Extensions.Logging;
using NetBird.Agent.Enrolment;
using NetBird.Agent.Identity;
using NetBird.Agent.Store;

namespace NetBird.Agent.Lifecycle;

/// <summary>
/// Renews the login before it ends, with the refresh token, unseen. Looked at with every event of the supervisor, so
/// that a clock that jumps or a machine that slept changes nothing.
/// </summary>
internal sealed partial class LoginRenewal(
    AgentStore store, Action<AgentEvent> post, TimeProvider time, ILogger<LoginRenewal> logger) : IAsyncDisposable
{
    /// <summary>Ours: the last hour of a long login is kept for failed attempts, a fifth of a short one.</summary>
    private static readonly TimeSpan LongestLead = TimeSpan.FromHours(1);

    /// <summary>Ours: somebody whose login has ended asks and waits, so once in this time his request is reason enough to try again.</summary>
    private static readonly TimeSpan AtMostEvery = TimeSpan.FromSeconds(2);

    /// <summary>Ours: contracts.md gives 5 s for all of the end.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2.5);

    private readonly CancellationTokenSource _stop = new();

    /// <summary>Ours: an issuer is somebody else's, and meets all its agents at once when it comes back.</summary>
    private readonly Backoff _backoff = new(time) { Early = TimeSpan.FromSeconds(5) };
    private Task _running = Task.CompletedTask;
    private DateTimeOffset? _expiry;
    private DateTimeOffset _due;
    private long _lastAttempt;
    private TimeSpan _wait;
    private volatile bool _trying;
    private volatile bool _dead;

    /// <summary>Starts a renewal when it is time; called on the supervisor's loop.</summary>
    /// <param name="asked">Somebody waits for it, or the network changed: the wait after a failed attempt is cut short.</param>
    public void Consider(ControlPlaneClient? client, AgentFacts facts, bool asked)
    {
        if (client is null || facts.LoginExpiresAt is not { } expiry || !facts.WantUp
            || facts.Login is not (LoginStanding.Valid or LoginStanding.Expired)
            || store.Enrolment is not { RefreshToken: { } token, Issuer: { } issuer, ClientId: { } clientId } enrolment)
        {
            _expiry = null;
            return;
        }

        if (expiry != _expiry)
        {
            _expiry = expiry;
            var left = expiry - facts.Now;
            _due = expiry - (left / 5 < LongestLead ? left / 5 : LongestLead);
            _dead = false;
            _wait = TimeSpan.Zero;
            _backoff.Reset();
        }

        var wait = asked && _wait > AtMostEvery ? AtMostEvery : _wait;
        if (_dead || _trying || (facts.Now < _due && facts.Login == LoginStanding.Valid)
            || time.GetElapsedTime(_lastAttempt) < wait)
        {
            return;
        }

        _trying = true;
        _running = RenewAsync(client, new LoginIssuer(issuer, clientId, enrolment.Scope ?? "openid", false), token);
    }

    /// <summary>How long until a renewal is due or tried again, so that neither waits for a tick; null when none is ahead.</summary>
    public TimeSpan? DueIn(DateTimeOffset now)
    {
        if (_expiry is null || _dead || _trying)
        {
            return null;
        }

        var due = _due - now;
        var again = _wait - time.GetElapsedTime(_lastAttempt);
        var soonest = due > again ? due : again;
        return soonest > TimeSpan.Zero ? soonest : null;
    }

    public async ValueTask DisposeAsync()
    {
        // The issuer may have given a new refresh token for the one we have, which is worth nothing from then on: its answer is waited for.
        await Task.WhenAny(_running, Task.Delay(LastWords, time, CancellationToken.None)).ConfigureAwait(false);
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RenewAsync(ControlPlaneClient client, LoginIssuer issuer, string refreshToken)
    {
        try
        {
            var fresh = await TokenRenewal.RefreshAsync(issuer, refreshToken, _stop.Token).ConfigureAwait(false);

            // Kept before it is used, and whatever else ends: a rotated refresh token that is lost makes the next renewal look like theft.
            var token = fresh.RefreshToken ?? refreshToken;
            if (!await store.ChangeLoginAsync(refreshToken, login => login with { RefreshToken = token }, CancellationToken.None).ConfigureAwait(false))
            {
                await GiveBackAsync(issuer, token, refreshToken).ConfigureAwait(false);
                return;
            }

            var reply = await client.RenewLoginAsync(fresh.IdToken, _stop.Token).ConfigureAwait(false);
            var until = reply.LoginExpiresAt > 0 ? DateTimeOffset.FromUnixTimeSeconds(reply.LoginExpiresAt) : (DateTimeOffset?)null;
            if (!await store.ChangeLoginAsync(token, login => login with { LoginExpiresAt = until }, CancellationToken.None).ConfigureAwait(false))
            {
                _trying = false;
                return;
            }

            Log.Renewed(logger, until);
            _trying = false;
            post(new AgentEvent.RenewalEnded(null, until));
        }
        catch (OperationCanceledException)
        {
            Later();
        }
        catch (LoginException e)
        {
            Failed(e.Message, e.IsFinal);
        }
        catch (ControlPlaneException e)
        {
            Failed(e.Message, e.Problem is ControlPlaneProblem.Refused or ControlPlaneProblem.PeerRemoved);
        }
    }

    /// <summary>Somebody logged out, or in as another, while the issuer was asked: what it gave for the login before is for nobody.</summary>
    private async Task GiveBackAsync(LoginIssuer issuer, string token, string before)
    {
        _trying = false;
        if (token != before)
        {
            await TokenRenewal.TryRevokeAsync(issuer, token, _stop.Token).ConfigureAwait(false);
        }
    }

    private void Failed(string problem, bool final)
    {
        _dead = final;
        Later();
        Log.NotRenewed(logger, problem);
        post(new AgentEvent.RenewalEnded(problem, null, IsFinal: final));
    }

    /// <summary>Before the event that tells of it, since the supervisor then asks at once when it is due again.</summary>
    private void Later()
    {
        _lastAttempt = time.GetTimestamp();
        _wait = _backoff.Next();
        _trying = false;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Lifecycle + 11, LogLevel.Information, "The login is renewed until {Until}")]
        public static partial void Renewed(ILogger logger, DateTimeOffset? until);

        [LoggerMessage(EventIds.Lifecycle + 12, LogLevel.Warning, "The login is not renewed: {Reason}")]
        public static partial void NotRenewed(ILogger logger, string reason);
    }
}
