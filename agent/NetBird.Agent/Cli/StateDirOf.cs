using System.CommandLine;
using NetBird.Agent.Store;

namespace NetBird.Agent.Cli;

/// <summary>Which state directory a command means.</summary>
internal static class StateDirOf
{
    public static StateDirectory Parse(ParseResult parsed)
        => StateDirectory.At(
            parsed.GetValue(CommonOptions.StateDir), parsed.GetValue(CommonOptions.Profile), parsed.GetValue(CommonOptions.SocketDir));
}
