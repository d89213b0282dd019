using System.CommandLine;
using NetBird.Agent.Store;

namespace NetBird.Agent.Cli;

/// <summary>Which state directory a command means.</summary>
internal static class StateDirOf
{
    public static StateDirectory Parse(ParseResult parsed)
    {
        var path = parsed.GetValue(CommonOptions.StateDir);
        return parsed.GetValue(CommonOptions.Profile) is { Length: > 0 } profile
            ? StateDirectory.At(Path.Combine(string.IsNullOrEmpty(path) ? StateDirectory.DefaultPath() : path, "profiles", Path.GetFileName(profile)))
            : StateDirectory.At(path);
    }
}
