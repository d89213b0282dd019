using Microsoft.Extensions.Logging;

namespace NetBird.Agent.Store;

/// <summary>The login: in the file, but for its refresh token where the person has a keyring for it.</summary>
internal sealed partial class AgentStore
{
    /// <summary>Ours: a keyring is unlocked with the desktop's login, seconds to minutes after us.</summary>
    private static readonly TimeSpan FirstLook = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestLook = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _oneLogin = new(1, 1);

    /// <summary>Keeps the login; its refresh token goes to the keyring, and to the file only where there is none.</summary>
    public async Task SaveLoginAsync(EnrolledPeer enrolment, CancellationToken cancellationToken)
    {
        await _oneLogin.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await KeepAsync(enrolment, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _oneLogin.Release();
        }
    }

    /// <summary>Changes the login that stands, as long as it is the one with that refresh token: whoever logged out or in meanwhile has the last word.</summary>
    /// <returns>False where it is another, or none, and nothing was changed.</returns>
    public async Task<bool> ChangeLoginAsync(string refreshToken, Func<EnrolledPeer, EnrolledPeer> change, CancellationToken cancellationToken)
    {
        await _oneLogin.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Enrolment is not { } current || current.RefreshToken != refreshToken)
            {
                return false;
            }

            await KeepAsync(change(current), cancellationToken).ConfigureAwait(false);
            return true;
        }
        finally
        {
            _oneLogin.Release();
        }
    }

    public async Task ForgetLoginAsync(CancellationToken cancellationToken)
    {
        await _oneLogin.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Enrolment is { TokenInKeyring: true })
            {
                await _keyring.ForgetAsync(cancellationToken).ConfigureAwait(false);
            }

            Save((EnrolledPeer?)null);
        }
        finally
        {
            _oneLogin.Release();
        }
    }

    private async Task KeepAsync(EnrolledPeer enrolment, CancellationToken cancellationToken)
    {
        var kept = enrolment.RefreshToken is { } token
            && ((enrolment.TokenInKeyring && token == Enrolment?.RefreshToken) || await _keyring.KeepAsync(token, cancellationToken).ConfigureAwait(false));
        Save(enrolment with { TokenInKeyring = kept });
    }

    /// <summary>Fetches a token that lies in the keyring, once that can be reached and is unlocked. Ends when there is none to fetch.</summary>
    /// <param name="fetched">Called when the token is there; with a sentence when it is not yet.</param>
    public async Task FetchTokenAsync(Action<string?> fetched, CancellationToken cancellationToken)
    {
        try
        {
            for (var wait = FirstLook; Enrolment is { TokenInKeyring: true, RefreshToken: null }; wait = wait * 2 < LongestLook ? wait * 2 : LongestLook)
            {
                if (await _keyring.FindAsync(cancellationToken).ConfigureAwait(false) is { } token)
                {
                    lock (_gate)
                    {
                        // A login meanwhile brought its own.
                        _enrolment = _enrolment is { TokenInKeyring: true, RefreshToken: null } ? _enrolment with { RefreshToken = token } : _enrolment;
                    }

                    fetched(null);
                    return;
                }

                fetched("The keyring that holds the login's refresh token is locked or not reached.");
                await Task.Delay(wait, _time, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }
    }
}
