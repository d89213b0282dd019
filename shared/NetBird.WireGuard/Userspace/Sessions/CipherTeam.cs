namespace NetBird.WireGuard.Userspace.Sessions;

/// <summary>
/// Spreads the sealing or opening of one train over cores. The thread that has the train works through it; helpers that are awake take
/// messages off it, and no helper that has not begun is waited for. Order is kept for each peer because it is never given up: a train is
/// sent, or handed on message by message, by the thread that has it, once all of it is done.
/// </summary>
internal sealed unsafe class CipherTeam : IDisposable
{
    /// <summary>Ours: a shorter train is done by its own thread before a helper wakes (some 50 us, at 1.5 us a message).</summary>
    public const int WorthSharing = 16;

    // Ours: how long a helper looks for the next train before it sleeps; at full speed trains come more often.
    private const int LooksBeforeSleep = 200;

    private readonly int _helpers;
    private readonly Lock _joining = new();
    private readonly object _sleep = new();
    private volatile CipherJob[] _jobs = [];
    private Thread[] _threads = [];
    private int _sleeping;
    private long _helped;
    private volatile bool _disposed;

    /// <param name="helpers">Threads beside those that have trains; zero shares nothing.</param>
    public CipherTeam(int helpers) => _helpers = helpers;

    /// <summary>
    /// Ours: each direction of an interface has a thread and the applications need one; what is left helps, up to three. None on two
    /// cores, where a helper would only take time from the threads that it helps (shared/docs/tunnel.md has the figures).
    /// </summary>
    public static int HelpersHere { get; set; } = Math.Clamp(Environment.ProcessorCount - 2, 0, 3);

    /// <summary>Messages that helpers did, for tests.</summary>
    public long Helped => Interlocked.Read(ref _helped);

    /// <summary>Whether a train of so many messages is worth a job.</summary>
    public bool IsWorthSharing(int messages) => _helpers > 0 && messages >= WorthSharing;

    /// <summary>A job for one thread to use again and again.</summary>
    public CipherJob Join()
    {
        var job = new CipherJob(this);
        lock (_joining)
        {
            _jobs = [.. _jobs, job];
            if (_threads.Length == 0 && !_disposed)
            {
                _threads = [.. Enumerable.Range(0, _helpers).Select(_ => new Thread(Help) { IsBackground = true, Name = "wg-cipher" })];
                foreach (var thread in _threads)
                {
                    thread.Start();
                }
            }
        }

        return job;
    }

    public void Dispose()
    {
        _disposed = true;
        lock (_sleep)
        {
            Monitor.PulseAll(_sleep);
        }

        lock (_joining)
        {
            foreach (var thread in _threads)
            {
                thread.Join();
            }
        }
    }

    /// <summary>A job was opened, by a full barrier before this: whoever sleeps is woken.</summary>
    public void Wake()
    {
        if (Volatile.Read(ref _sleeping) > 0)
        {
            lock (_sleep)
            {
                Monitor.PulseAll(_sleep);
            }
        }
    }

    private void Help()
    {
        while (!_disposed)
        {
            var spin = new SpinWait();
            for (var looks = 0; looks < LooksBeforeSleep; looks++)
            {
                if (TryHelp())
                {
                    looks = 0;
                    spin.Reset();
                }

                spin.SpinOnce(sleep1Threshold: -1);
            }

            lock (_sleep)
            {
                // Announced before the last look, and a job is opened before its owner looks here: one of the two sees the other.
                Interlocked.Increment(ref _sleeping);
                if (!_disposed && !AnyOpen())
                {
                    Monitor.Wait(_sleep);
                }

                Interlocked.Decrement(ref _sleeping);
            }
        }
    }

    private bool TryHelp()
    {
        var done = 0;
        foreach (var job in _jobs)
        {
            done += job.Work();
        }

        if (done > 0)
        {
            Interlocked.Add(ref _helped, done);
        }

        return done > 0;
    }

    private bool AnyOpen()
    {
        foreach (var job in _jobs)
        {
            if (job.IsOpen)
            {
                return true;
            }
        }

        return false;
    }
}
