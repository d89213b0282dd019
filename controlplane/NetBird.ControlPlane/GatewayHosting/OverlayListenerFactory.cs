using System.Net;
using Microsoft.AspNetCore.Connections;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.GatewayHosting;

/// <summary>Gives Kestrel the connections of a tunnel whose TCP lives in this process.</summary>
internal sealed class OverlayListenerFactory(IOverlayListener listener) : IConnectionListenerFactory
{
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
        => new(new Listener(listener));

    private sealed class Listener(IOverlayListener overlay) : IConnectionListener
    {
        private readonly CancellationTokenSource _unbound = new();

        public EndPoint EndPoint => overlay.LocalEndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _unbound.Token);
            try
            {
                return await overlay.AcceptAsync(either.Token) is { } connection ? OverlayTransport.Start(connection) : null;
            }
            catch (OperationCanceledException) when (_unbound.IsCancellationRequested)
            {
                return null;
            }
        }

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default) => await _unbound.CancelAsync();

        public ValueTask DisposeAsync()
        {
            _unbound.Dispose();
            return default;
        }
    }
}
