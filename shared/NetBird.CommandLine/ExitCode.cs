namespace NetBird.CommandLine;

/// <summary>Exit codes of both executables; scripts rely on them.</summary>
public static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>Failed; the message says why.</summary>
    public const int Failed = 1;

    /// <summary>Wrong usage: an unknown flag, a bad value.</summary>
    public const int WrongUsage = 2;

    /// <summary>Not running, or not connected.</summary>
    public const int NotRunning = 3;

    /// <summary>A login is needed.</summary>
    public const int LoginNeeded = 4;

    /// <summary>Not permitted.</summary>
    public const int NotPermitted = 5;
}
