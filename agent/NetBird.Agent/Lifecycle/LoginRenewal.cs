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

    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private DateTimeOffset? _expiry;
    private DateTimeOffset _due;
    private long _notBefore;
    private bool _dead;

    /// <summary>Starts a renewal when it is time; called on the supervisor's loop.</summary>
    public void Consider(ControlPlaneClient? client, AgentFacts facts)
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
            _notBefore = 0;
        }

        if (_dead || !_running.IsCompleted || (facts.Now < _due && facts.Login == LoginStanding.Valid)
            || time.GetTimestamp() < _notBefore)
        {
            return;
        }

        _running = RenewAsync(client, new LoginIssuer(issuer, clientId, enrolment.Scope ?? "openid", false), token);
    }

    /// <summary>How long until a renewal is due, so that a short login does not end between two ticks; null when none is ahead.</summary>
    public TimeSpan? DueIn(DateTimeOffset now) => _expiry is not null && _due > now ? _due - now : null;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RenewAsync(ControlPlaneClient client, LoginIssuer issuer, string refreshToken)
    {
        try
        {
            var fresh = await TokenRenewal.RefreshAsync(issuer, refreshToken, _stop.Token).ConfigureAwait(false);

            // Kept before it is used: a rotated refresh token that is lost makes the next renewal look like theft.
            if (store.Enrolment is not { } enrolment || enrolment.RefreshToken != refreshToken)
            {
                return;
            }

            store.Save(enrolment with { RefreshToken = fresh.RefreshToken });
            var reply = await client.RenewLoginAsync(fresh.IdToken, _stop.Token).ConfigureAwait(false);
            var until = reply.LoginExpiresAt > 0 ? DateTimeOffset.FromUnixTimeSeconds(reply.LoginExpiresAt) : (DateTimeOffset?)null;
            store.Save((store.Enrolment ?? enrolment) with { LoginExpiresAt = until });
            Log.Renewed(logger, until);
            post(new AgentEvent.RenewalEnded(null, until));
        }
        catch (OperationCanceledException)
        {
            Later();
        }
        catch (LoginException e)
        {
            _dead = e.IsFinal;
            Later();
            Log.NotRenewed(logger, e.Message);
            post(new AgentEvent.RenewalEnded(e.Message, null));
        }
        catch (ControlPlaneException e)
        {
            _dead = e.Problem is ControlPlaneProblem.Refused or ControlPlaneProblem.PeerRemoved;
            Later();
            Log.NotRenewed(logger, e.Message);
            post(new AgentEvent.RenewalEnded(e.Message, null));
        }
    }

    /// <summary>Ours: an issuer that is down is asked about twice a minute, not in step with every other agent.</summary>
    private void Later() => _notBefore = time.GetTimestamp()
        + (long)(TimeSpan.FromSeconds(20 + (20 * Random.Shared.NextDouble())).TotalSeconds * time.TimestampFrequency);

    private static partial class Log
    {
        [LoggerMessage(EventIds.Lifecycle + 11, LogLevel.Information, "The login is renewed until {Until}")]
        public static partial void Renewed(ILogger logger, DateTimeOffset? until);

        [LoggerMessage(EventIds.Lifecycle + 12, LogLevel.Warning, "The login is not renewed: {Reason}")]
        public static partial void NotRenewed(ILogger logger, string reason);
    }
}
