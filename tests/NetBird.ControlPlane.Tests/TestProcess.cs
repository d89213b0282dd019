using NetBird.ControlPlane.Tests.Usage;

namespace NetBird.ControlPlane.Tests;

/// <summary>This assembly run as a program, for tests that need a process to kill: <c>usage-writer DIRECTORY</c>.</summary>
internal static class TestProcess
{
    public static async Task<int> Main(string[] args)
    {
        if (args is not ["usage-writer", var directory])
        {
            return 2;
        }

        await UsageWriter.RunAsync(directory);
        return 0;
    }
}
