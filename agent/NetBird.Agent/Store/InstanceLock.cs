using System.Globalization;

namespace NetBird.Agent.Store;

/// <summary>Held while a daemon uses the state directory; the operating system drops it however the process ends.</summary>
internal sealed class InstanceLock : IDisposable
{
    private const int Tries = 4;

    /// <summary>Ours: a look takes microseconds, on a machine that does much else some milliseconds.</summary>
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(15);

    private readonly FileStream _file;

    private InstanceLock(FileStream file) => _file = file;

    /// <summary>Takes the lock, or returns null when another daemon has it.</summary>
    public static async Task<InstanceLock?> TryTakeAsync(StateDirectory state, TimeProvider time, CancellationToken cancellationToken)
    {
        // A command that looks whether it is held (IsHeld) holds a share of it for that moment.
        for (var tries = 1; ; tries++)
        {
            if (TryTake(state) is { } taken)
            {
                return taken;
            }

            if (tries == Tries)
            {
                return null;
            }

            await Task.Delay(BetweenTries, time, cancellationToken).ConfigureAwait(false);
        }
    }

    private static InstanceLock? TryTake(StateDirectory state)
    {
        FileStream file;
        try
        {
            // FileShare.None is an exclusive flock(2) on unix.
            file = PrivateFile.Open(state.LockFile, FileMode.OpenOrCreate, FileShare.None);
        }
        catch (IOException) when (File.Exists(state.LockFile))
        {
            return null;
        }

        try
        {
            file.SetLength(0);
            file.Write(System.Text.Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
            file.Flush();
        }
        catch (IOException)
        {
            // A full disk: the lock holds all the same, only the number inside is missing.
        }

        return new InstanceLock(file);
    }

    /// <summary>True while a daemon uses the state directory.</summary>
    public static bool IsHeld(StateDirectory state)
    {
        if (!File.Exists(state.LockFile))
        {
            return false;
        }

        try
        {
            using var probe = new FileStream(state.LockFile, FileMode.Open, FileAccess.Read, FileShare.Read);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    public void Dispose() => _file.Dispose();
}
