using System.Threading.Channels;
using NetBird.WireGuard.Linux;

namespace NetBird.Agent.Lifecycle;

/// <summary>
/// Gives memory back that nothing needs any more: what the start needed, and what requests needed when the web server that
/// carried them has gone to sleep. It waits for these moments and has no clock of its own.
/// </summary>
internal sealed class IdleMemory(TimeProvider time)
{
    /// <summary>Ours: a look when the start is over, and a release when it is surely over. Half of what a fresh process has in memory is code that only its start ran.</summary>
    private static readonly TimeSpan[] AfterTheStart = [TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(45)];

    /// <summary>Ours: a server that has gone to sleep is let go of by then.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);

    /// <summary>Ours: code that ran often is compiled anew in the minute after, which reads much of the program.</summary>
    private static readonly TimeSpan Aftermath = TimeSpan.FromSeconds(60);

    /// <summary>Ours: what is idle since goes on reading program pages, and heartbeats fill the youngest generation: 7 MiB in five minutes.</summary>
    private static readonly TimeSpan Seldom = TimeSpan.FromMinutes(3);

    private readonly Channel<bool> _moments = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ResidentMemory? _memory = OperatingSystem.IsLinux() ? new ResidentMemory() : null;
    private long _releasedAt = time.GetTimestamp();

    /// <summary>Somebody was served, and nobody is connected any more.</summary>
    public void ServerRests() => _moments.Writer.TryWrite(true);

    /// <summary>The agent is awake for something else, and may do this beside it.</summary>
    public void Passing()
    {
        if (time.GetElapsedTime(Interlocked.Read(ref _releasedAt)) > Seldom)
        {
            ServerRests();
        }
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (_memory is null || !OperatingSystem.IsLinux())
        {
            return;
        }

        RuntimeTimer.MayBeLate();

        try
        {
            for (var i = 0; i < AfterTheStart.Length; i++)
            {
                await Task.Delay(AfterTheStart[i], time, cancellationToken).ConfigureAwait(false);
                Release(_memory, programAlone: i == 0);
            }

            await foreach (var _ in _moments.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                await Task.Delay(Settling, time, cancellationToken).ConfigureAwait(false);
                Release(_memory, programAlone: false);
                await Task.Delay(Aftermath, time, cancellationToken).ConfigureAwait(false);
                Release(_memory, programAlone: true);
            }
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }
    }

    private void Release(ResidentMemory memory, bool programAlone)
    {
        if (OperatingSystem.IsLinux())
        {
            if (!programAlone)
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                ResidentMemory.ReleaseFreedBlocks();
            }

            memory.ReleaseProgramPages();
            Interlocked.Exchange(ref _releasedAt, time.GetTimestamp());
        }
    }
}
