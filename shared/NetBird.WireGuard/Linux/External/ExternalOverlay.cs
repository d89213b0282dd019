using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;

namespace NetBird.WireGuard.Linux.External;

/// <summary>TCP over an interface that may be replaced by another of its name while we listen.</summary>
[SupportedOSPlatform("linux")]
internal sealed class ExternalOverlay(KernelOverlay overlay) : IOverlay
{
    private readonly Lock _lock = new();
    private readonly List<Listener> _listeners = [];

    public ValueTask<Stream> ConnectAsync(IPEndPoint remote, CancellationToken cancellationToken) => overlay.ConnectAsync(remote, cancellationToken);

    public ValueTask<IOverlayListener> ListenAsync(IPEndPoint local, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var listener = new Listener(this, overlay.Listen(local));
        lock (_lock)
        {
            _listeners.Add(listener);
        }

        return ValueTask.FromResult<IOverlayListener>(listener);
    }

    /// <summary>Makes every listening socket again.</summary>
    /// <exception cref="IOException">One cannot be; the others are not tried.</exception>
    public void Renew()
    {
        Listener[] listeners;
        lock (_lock)
        {
            listeners = [.. _listeners];
        }

        foreach (var listener in listeners)
        {
            listener.Renew();
        }
    }

    private void Forget(Listener listener)
    {
        lock (_lock)
        {
            _listeners.Remove(listener);
        }
    }

    private KernelOverlayListener Open(IPEndPoint local) => overlay.Listen(local);

    private sealed class Listener(ExternalOverlay owner, KernelOverlayListener first) : IOverlayListener
    {
        private readonly CancellationTokenSource _closed = new();
        private readonly Lock _lock = new();
        private KernelOverlayListener _current = first;
        private TaskCompletionSource _renewed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public IPEndPoint LocalEndPoint { get; } = first.LocalEndPoint;

        // Kestrel would keep the socket, and the socket does not outlive its interface.
        public Socket? Socket => null;

        public async ValueTask<OverlayConnection?> AcceptAsync(CancellationToken cancellationToken)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closed.Token);
            try
            {
                while (true)
                {
                    KernelOverlayListener current;
                    Task renewed;
                    lock (_lock)
                    {
                        (current, renewed) = (_current, _renewed.Task);
                    }

                    if (await current.AcceptAsync(either.Token).ConfigureAwait(false) is { } connection)
                    {
                        return connection;
                    }

                    // Its socket was closed: the next one is on its way.
                    await renewed.WaitAsync(either.Token).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (_closed.IsCancellationRequested)
            {
                return null;
            }
        }

        /// <summary>May be called again after it failed.</summary>
        public void Renew()
        {
            _current.Close();
            var next = owner.Open(LocalEndPoint);
            TaskCompletionSource told;
            lock (_lock)
            {
                _current = next;
                (told, _renewed) = (_renewed, new(TaskCreationOptions.RunContinuationsAsynchronously));
            }

            told.SetResult();
        }

        public async ValueTask DisposeAsync()
        {
            owner.Forget(this);
            await _closed.CancelAsync().ConfigureAwait(false);
            lock (_lock)
            {
                _current.Close();
            }
        }
    }
}
