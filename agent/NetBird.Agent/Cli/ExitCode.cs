namespace NetBird.Agent.Cli;

/// <summary>The exit codes of contracts.md.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUsage = 2;
    public const int NotConnected = 3;
    public const int LoginNeeded = 4;
    public const int NotPermitted = 5;
}
