using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using NetBird.Gateway;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.GatewayHosting;

/// <summary>
/// One overlay connection as Kestrel wants it: two pipes, pumped here. Reading goes on while a request is being
/// answered, so that a caller who leaves is noticed at once.
/// </summary>
internal sealed class OverlayTransport : DefaultConnectionContext
{
    // Bytes either way that wait for the slower side; Kestrel's socket transport has the same figures.
    private const int PauseReading = 1024 * 1024;
    private const int PauseWriting = 64 * 1024;

    private readonly Stream _stream;
    private readonly Pipe _input;
    private readonly Pipe _output;
    private readonly CancellationTokenSource _closed = new();
    private Task _pumping = Task.CompletedTask;

    private OverlayTransport(OverlayConnection connection)
        : base($"overlay-{Guid.NewGuid():N}")
    {
        _stream = connection.Stream;
        _input = new Pipe(new PipeOptions(GatewayBuffers.Instance, pauseWriterThreshold: PauseReading, resumeWriterThreshold: PauseReading / 2, useSynchronizationContext: false));
        _output = new Pipe(new PipeOptions(GatewayBuffers.Instance, pauseWriterThreshold: PauseWriting, resumeWriterThreshold: PauseWriting / 2, useSynchronizationContext: false));
        RemoteEndPoint = connection.Remote;
        LocalEndPoint = connection.Local;
        ConnectionClosed = _closed.Token;
        Transport = new Duplex(_input.Reader, _output.Writer);
        Features.Set<IMemoryPoolFeature>(GatewayBuffers.Instance);
    }

    public static OverlayTransport Start(OverlayConnection connection)
    {
        var transport = new OverlayTransport(connection);
        transport._pumping = Task.WhenAll(transport.ReceiveAsync(), transport.SendAsync());
        return transport;
    }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        // Wakes both pumps; a stream of the in-process stack resets the connection when it is disposed.
        _output.Reader.CancelPendingRead();
        _stream.Dispose();
    }

    public override async ValueTask DisposeAsync()
    {
        await Transport.Input.CompleteAsync();
        await Transport.Output.CompleteAsync();
        await _pumping;
        _closed.Dispose();
        await base.DisposeAsync();
    }

    private async Task ReceiveAsync()
    {
        Exception? fault = null;
        try
        {
            while (true)
            {
                var read = await _stream.ReadAsync(_input.Writer.GetMemory(), CancellationToken.None);
                if (read == 0)
                {
                    break;
                }

                _input.Writer.Advance(read);
                var flushed = await _input.Writer.FlushAsync(CancellationToken.None);
                if (flushed.IsCompleted || flushed.IsCanceled)
                {
                    break;
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            fault = new ConnectionResetException("The caller's end of the tunnel is gone.", e);
        }

        await _input.Writer.CompleteAsync(fault);
        await _closed.CancelAsync();
    }

    private async Task SendAsync()
    {
        Exception? fault = null;
        try
        {
            while (true)
            {
                var result = await _output.Reader.ReadAsync(CancellationToken.None);
                if (result.IsCanceled)
                {
                    break;
                }

                foreach (var part in result.Buffer)
                {
                    await _stream.WriteAsync(part, CancellationToken.None);
                }

                _output.Reader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    break;
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            fault = e;
        }

        await _output.Reader.CompleteAsync(fault);
        await _stream.DisposeAsync();
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
