using System.Globalization;
using Microsoft.Extensions.Logging;
using Tmds.DBus.Protocol;

namespace NetBird.Agent.Store.Keyring;

/// <summary>
/// The refresh token in the person's keyring, where one can be reached and is unlocked. It is the one secret that is
/// worth something on another machine; the tunnel's key stays a file of mode 0600, since the tunnel must come up before
/// anybody has unlocked anything.
/// </summary>
internal sealed partial class TokenKeyring(StateDirectory state, TimeProvider time, ILogger<TokenKeyring> logger)
{
    /// <summary>Ours: a keyring answers in milliseconds; one that the bus has to start first, in a second.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private Dictionary<string, string> Attributes => new()
    {
        ["xdg:schema"] = "io.netbird.agent.RefreshToken",
        ["state"] = state.Path,
    };

    /// <summary>True when it lies in the keyring now.</summary>
    public Task<bool> KeepAsync(string token, CancellationToken cancellationToken)
        => AskAsync(service => service.KeepAsync($"NetBird.Agent login ({state.Path})", Attributes, token), cancellationToken);

    /// <summary>Null when it is not there, or the keyring is locked or not reached.</summary>
    public Task<string?> FindAsync(CancellationToken cancellationToken)
        => AskAsync(service => service.FindAsync(Attributes), cancellationToken);

    /// <summary>Best effort: what stays is a token that was revoked.</summary>
    public Task ForgetAsync(CancellationToken cancellationToken)
        => AskAsync(
            async service =>
            {
                await service.ForgetAsync(Attributes).ConfigureAwait(false);
                return true;
            },
            cancellationToken);

    private async Task<T?> AskAsync<T>(Func<SecretService, Task<T>> ask, CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux() || SessionBus() is not { } address)
        {
            return default;
        }

        try
        {
            return await TalkAsync().WaitAsync(Patience, time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is DBusExceptionBase or TimeoutException or IOException or System.Net.Sockets.SocketException or FormatException or ArgumentException)
        {
            Log.NotUsed(logger, e.GetType().Name);
            return default;
        }

        async Task<T?> TalkAsync()
        {
            using var service = await SecretService.OpenAsync(address).ConfigureAwait(false);
            return service is null ? default : await ask(service).ConfigureAwait(false);
        }
    }

    /// <summary>The person's session bus; null for a service of the system, which has none and asks nobody for one.</summary>
    private static string? SessionBus()
    {
        if (Environment.GetEnvironmentVariable("DBUS_SESSION_BUS_ADDRESS") is { Length: > 0 } address)
        {
            return address;
        }

        // Where systemd puts it (pam_systemd(8)), for a daemon that was started without the session's environment.
        var usual = string.Create(CultureInfo.InvariantCulture, $"/run/user/{ProcessOwner.Uid}/bus");
        return ProcessOwner.Uid != 0 && File.Exists(usual) ? "unix:path=" + usual : null;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Store + 11, LogLevel.Information, "The keyring is not used: {Reason}")]
        public static partial void NotUsed(ILogger logger, string reason);
    }
}
