using Microsoft.Extensions.Logging;
using NetBird.WireGuard.Configuration;

namespace NetBird.WireGuard.Linux.External;

internal sealed partial class ExternalTunnel
{
    // Ours: a program that was restarted is set up again before Claude Code's first retry gives up.
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(2);

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Pace, _options.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken).ConfigureAwait(false))
            {
                Look();
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>Compares the interface with what it has to be, and makes it so.</summary>
    private void Look()
    {
        lock (_change)
        {
            if (_disposed)
            {
                return;
            }

            try
            {
                if (WhatIsWrongLocked() is { } wrong)
                {
                    Log.SetUpAgain(_logger, InterfaceName, wrong);
                    var link = ConfigureLocked();
                    if (_link != link)
                    {
                        // A socket stays bound to the interface that is gone, whatever the new one is called.
                        _overlay.Renew();
                        _link = link;
                    }
                }

                if (_problem is not null)
                {
                    _problem = null;
                    Log.Back(_logger, InterfaceName);
                }
            }
            catch (IOException e)
            {
                FailedLocked(e.Message);
            }
        }
    }

    /// <summary>Null when the program has exactly our key, port and peers on the interface we listen on.</summary>
    private string? WhatIsWrongLocked()
    {
        if (_routes.FindLink(InterfaceName) is not { } link)
        {
            throw new IOException($"The interface {InterfaceName} is gone. Start the program that runs it again.");
        }

        if (link.Index != _link)
        {
            return "it was made anew";
        }

        using var state = _program.Read();
        return _problem is not null ? "its program was away"
            : !link.IsUp ? "it was down"
            : state.PrivateKey?.PublicKey != PublicKey ? "it had another key"
            : state.ListenPort != ListenPort ? "it had another port"
            : HasOurPeersLocked(state) ? null
            : "it had other peers";
    }

    /// <summary>A peer that we do not know could own an address of one that we do, so the sets have to be equal.</summary>
    private bool HasOurPeersLocked(InterfaceState state)
        => state.Peers.Count == _peers.Count
            && state.Peers.All(peer => _peers.TryGetValue(peer.Status.PublicKey, out var ours)
                && ours.AllowedIPs.Count == peer.Status.AllowedIPs.Count
                && ours.AllowedIPs.All(peer.Status.AllowedIPs.Contains));

    private void FailedLocked(string reason)
    {
        if (_problem is null)
        {
            Log.Away(_logger, InterfaceName, reason);
        }

        _problem = reason;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.External + 1, LogLevel.Warning, "The interface {Name} cannot be used; it is tried again every 2 s. {Reason}")]
        public static partial void Away(ILogger logger, string name, string reason);

        [LoggerMessage(EventIds.External + 2, LogLevel.Information, "The interface {Name} is in use again")]
        public static partial void Back(ILogger logger, string name);

        [LoggerMessage(EventIds.External + 3, LogLevel.Warning, "The interface {Name} is set up again: {Reason}")]
        public static partial void SetUpAgain(ILogger logger, string name, string reason);

        [LoggerMessage(EventIds.External + 4, LogLevel.Warning, "The interface {Name} keeps our key or addresses: {Reason}")]
        public static partial void NotTakenBack(ILogger logger, string name, string reason);
    }
}
