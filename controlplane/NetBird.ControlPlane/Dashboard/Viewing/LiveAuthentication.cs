using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;
using NetBird.ControlPlane.Identity.Web;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>
/// Who looks at an open page, for as long as it is open: it was asked when the page was opened, and is asked again whenever the
/// account changes, so that nobody goes on reading after they were disabled or lost their role. When the session's time is over, or it was
/// signed out elsewhere, nobody looks any more.
/// </summary>
internal sealed class LiveAuthentication : ServerAuthenticationStateProvider, IDisposable
{
    /// <summary>Ours: a timer does not notice that the machine slept or that its clock was set.</summary>
    private static readonly TimeSpan LookAtClock = TimeSpan.FromMinutes(5);

    private readonly IConfigurationStore _store;
    private readonly EndedSessions _ended;
    private readonly TimeProvider _time;
    private readonly ITimer _end;
    private ViewerSession? _session;
    private Role? _role;

    public LiveAuthentication(IConfigurationStore store, EndedSessions ended, TimeProvider time)
    {
        (_store, _ended, _time) = (store, ended, time);
        _end = time.CreateTimer(_ => WaitForEnd(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _store.Changed += LookAgain;
        _ended.Ended += EndIfOurs;
        AuthenticationStateChanged += Remember;
    }

    public void Dispose()
    {
        _store.Changed -= LookAgain;
        _ended.Ended -= EndIfOurs;
        AuthenticationStateChanged -= Remember;
        _end.Dispose();
    }

    private void Remember(Task<AuthenticationState> state) => _ = RememberAsync(state);

    private void LookAgain(ConfigurationChange change) => _ = LookAgainAsync();

    private async Task RememberAsync(Task<AuthenticationState> state)
    {
        var viewer = await state;
        (_role, _session) = (RoleOf(viewer), Viewer.SessionOf(viewer.User));
        if (_session is { } session && _ended.Has(session.Id))
        {
            End(); // signed out since the page was asked for
            return;
        }

        WaitForEnd();
    }

    private void WaitForEnd()
    {
        if (_session is not { } session)
        {
            return;
        }

        var left = session.Until - _time.GetUtcNow();
        if (left <= TimeSpan.Zero)
        {
            End();
            return;
        }

        _end.Change(left < LookAtClock ? left : LookAtClock, Timeout.InfiniteTimeSpan);
    }

    private void EndIfOurs(SessionId session)
    {
        if (_session?.Id == session)
        {
            End();
        }
    }

    // Pages go with who looked at them; what is left says how to come back.
    private void End() => SetAuthenticationState(Task.FromResult(new AuthenticationState(new())));

    private async Task LookAgainAsync()
    {
        var state = await GetAuthenticationStateAsync();
        if (RoleOf(state) is var role && role != _role)
        {
            // Pages ask the account anew what the role may see; nobody is who is not in it any more.
            SetAuthenticationState(Task.FromResult(role is null ? new(new()) : state));
        }
    }

    /// <summary>Null: nobody any more.</summary>
    private Role? RoleOf(AuthenticationState state) => Viewer.Of(state.User, _store) is { } user ? _store.Current.RoleOf(user) : null;
}
