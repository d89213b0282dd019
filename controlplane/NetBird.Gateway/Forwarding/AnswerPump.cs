using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using NetBird.Gateway.Metering;

namespace NetBird.Gateway.Forwarding;

/// <summary>
/// Carries one answer from the provider to the caller: each read is metered, and flushed as soon as the next has to wait. While an event stream is silent it
/// lets pings of ours through, at the end of an event only and never into a body that is compressed or has a promised length.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The semaphore never makes a wait handle, and a late ping must find it alive.")]
internal sealed class AnswerPump
{
    private const int ReadBytes = 16 * 1024;

    /// <summary>Ours: a provider that is never waited for is flushed this often, so that a slow caller holds it back.</summary>
    private const int MaxUnflushedBytes = 32 * 1024;

    /// <summary>Ours: what a crash can take of the figures of an answer that is long under way.</summary>
    private static readonly TimeSpan NoteEvery = TimeSpan.FromMilliseconds(250);

    private static readonly byte[] Ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n"u8.ToArray();

    private readonly GatewayCall _call;
    private readonly MeteringStage _metering;
    private readonly TimeProvider _time;
    private readonly PipeWriter _writer;

    // Writes of the answer and pings of ours exclude each other; null where no ping may ever be sent.
    private readonly SemaphoreSlim? _writing;
    private long _lastWrite;
    private long _lastNote;

    public AnswerPump(GatewayCall call, MeteringStage metering, TimeProvider time)
    {
        _call = call;
        _metering = metering;
        _time = time;
        _lastNote = time.GetTimestamp();
        var response = call.Http.Response;
        _writer = response.BodyWriter;
        if (response.ContentLength is null && call.Meter is SseUsageReader)
        {
            _writing = new(1, 1);
            _lastWrite = time.GetTimestamp();
        }
    }

    /// <summary>How an answer ended.</summary>
    public enum End
    {
        Whole,
        ProviderBroke,
        CallerLeft,
        Cut,
    }

    public async ValueTask<End> RunAsync(Stream answer)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            // The headers count: where the first event is not there yet, they reach the caller before it.
            var unflushed = 1;
            while (true)
            {
                var reading = answer.ReadAsync(buffer, _call.Stop);
                if (unflushed > MaxUnflushedBytes || (unflushed > 0 && !reading.IsCompleted))
                {
                    await FlushAsync().ConfigureAwait(false);
                    unflushed = 0;
                }

                var read = await reading.ConfigureAwait(false);
                if (read == 0)
                {
                    // Only here is no read pending: after an error one may still be, and the buffer is left to it.
                    ArrayPool<byte>.Shared.Return(buffer);
                    break;
                }

                _call.TimeToFirstByte ??= _call.Elapsed;
                await PassAsync(buffer.AsMemory(0, read)).ConfigureAwait(false);
                unflushed += read;
            }

            if (unflushed > 0)
            {
                await FlushAsync().ConfigureAwait(false);
            }

            return _call.CallerLeft ? End.CallerLeft : End.Whole;
        }
        catch (Exception) when (_call.CutReason is not null)
        {
            return End.Cut;
        }
        catch (Exception) when (_call.CallerLeft)
        {
            return End.CallerLeft;
        }
        catch (Exception broken) when (broken is IOException or HttpRequestException or OperationCanceledException)
        {
            return End.ProviderBroke;
        }
        finally
        {
            if (_writing is not null)
            {
                // A ping that is being written ends first; after this none begins.
                await _writing.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Sends a ping where the stream has been silent for long enough and stands between two events.</summary>
    public async ValueTask PingAsync(TimeSpan silence)
    {
        if (_writing is null || _time.GetElapsedTime(Volatile.Read(ref _lastWrite)) < silence || !await _writing.WaitAsync(0).ConfigureAwait(false))
        {
            return;
        }

        try
        {
            if (_call.Meter!.AtEventBoundary && !_call.CallerLeft)
            {
                Volatile.Write(ref _lastWrite, _time.GetTimestamp());
                _writer.Write(Ping);
                await _writer.FlushAsync(_call.Stop).ConfigureAwait(false);
            }
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The answer's own write meets the same and ends the call.
        }
        finally
        {
            _writing.Release();
        }
    }

    private async ValueTask PassAsync(ReadOnlyMemory<byte> bytes)
    {
        if (_writing is not null)
        {
            await _writing.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            _lastWrite = _time.GetTimestamp();
        }

        try
        {
            _metering.Feed(_call, bytes.Span);
            if (!_call.CallerLeft)
            {
                _writer.Write(bytes.Span);
                _call.ResponseBytes += bytes.Length;
            }

            if (_time.GetElapsedTime(_lastNote) >= NoteEvery)
            {
                _lastNote = _time.GetTimestamp();
                _metering.NoteProgress(_call);
            }
        }
        finally
        {
            _writing?.Release();
        }
    }

    private async ValueTask FlushAsync()
    {
        if (_writing is not null)
        {
            await _writing.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        }

        try
        {
            if (!_call.CallerLeft)
            {
                await _writer.FlushAsync(_call.Stop).ConfigureAwait(false);
            }
        }
        finally
        {
            _writing?.Release();
        }
    }
}
