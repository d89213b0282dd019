using NetBird.CommandLine;

namespace NetBird.ControlPlane.Cli;

/// <summary>A verb ends here, with a sentence on standard error and an exit code that scripts rely on.</summary>
internal sealed class CliException(string message, int exitCode = ExitCode.Failed) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}
