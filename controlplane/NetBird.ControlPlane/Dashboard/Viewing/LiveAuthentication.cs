using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>
/// Who looks at an open page, for as long as it is open: it was asked when the page was opened, and is asked again whenever the
/// account changes, so that nobody goes on reading after they were disabled or lost their role.
/// </summary>
internal sealed class LiveAuthentication : ServerAuthenticationStateProvider, IDisposable
{
    private readonly IConfigurationStore _store;
    private Role? _role;

    public LiveAuthentication(IConfigurationStore store)
    {
        _store = store;
        _store.Changed += LookAgain;
        AuthenticationStateChanged += Remember;
    }

    public void Dispose()
    {
        _store.Changed -= LookAgain;
        AuthenticationStateChanged -= Remember;
    }

    private void Remember(Task<AuthenticationState> state) => _ = RememberAsync(state);

    private void LookAgain(ConfigurationChange change) => _ = LookAgainAsync();

    private async Task RememberAsync(Task<AuthenticationState> state) => _role = RoleOf(await state);

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
