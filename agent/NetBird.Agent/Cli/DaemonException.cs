using Grpc.Core;
using NetBird.Agent.Endpoint;
using NetBird.Agent.Store;

namespace NetBird.Agent.Cli;

/// <summary>The daemon was not asked, or did not answer. Ends the command with these words and this exit code.</summary>
internal sealed class DaemonException(string message, int exitCode) : Exception(message)
{
    /// <param name="lack">A whole sentence.</param>
    /// <param name="remedy">The command that mends it.</param>
    public DaemonException(string lack, string remedy, int exitCode)
        : this($"{lack} Run: {remedy}", exitCode) => (Lack, Remedy) = (lack, remedy);

    public int ExitCode => exitCode;

    /// <summary>What failed, without what to do where that is told apart.</summary>
    public string Lack { get; } = message;

    /// <summary>The command that mends it; empty where the words say it, or nothing does.</summary>
    public string Remedy { get; } = "";

    public static DaemonException NotRunning()
        => StateDirectory.ServiceOwner is { } served && served != ProcessOwner.Account
            ? new($"No agent of yours is running; this machine's service serves {served}. To have it serve you: {TakenPort.ToBeServed}. To run one of your own: netbird-agent up", CommandLine.ExitCode.NotRunning)
            : new("The agent is not running.", "netbird-agent up", CommandLine.ExitCode.NotRunning);

    /// <summary>
    /// The connection ended without an answer, which our own client reports as one thing or another by the moment it came; what the
    /// agent itself says carries no exception.
    /// </summary>
    public static bool IsCutOff(RpcException e) => e is { StatusCode: StatusCode.Unavailable or StatusCode.Internal, Status.DebugException: not null };

    public static DaemonException From(RpcException e) => e.StatusCode switch
    {
        StatusCode.PermissionDenied => new(e.Status.Detail, CommandLine.ExitCode.NotPermitted),
        StatusCode.Unavailable when e.Status.DebugException is null => new(e.Status.Detail, CommandLine.ExitCode.NotRunning),
        _ when IsCutOff(e) => new("The agent stopped answering. See its log, then run: netbird-agent up", CommandLine.ExitCode.NotRunning),
        StatusCode.DeadlineExceeded => new("The agent did not answer in time. See its log, or run: netbird-agent doctor", CommandLine.ExitCode.Failed),
        StatusCode.Unknown => new("The agent failed at that by a fault of its own. Its log says how; for whoever helps: netbird-agent debug bundle", CommandLine.ExitCode.Failed),
        _ => new($"The agent answered: {e.Status.Detail}", CommandLine.ExitCode.Failed),
    };
}
