using System.Globalization;
using NetBird.ControlPlane.Tests.Store;
using NetBird.ControlPlane.Tests.Usage;
using NetBird.ControlPlane.Tests.Usage.Chaos;

namespace NetBird.ControlPlane.Tests;

/// <summary>
/// This assembly run as a program, for tests that need a process to kill: <c>usage-writer DIRECTORY</c>,
/// <c>gateway-node DIRECTORY PORT UPSTREAM POSTGRES PEOPLE GROUPS CAP</c>.
/// </summary>
internal static class TestProcess
{
    public static async Task<int> Main(string[] args)
    {
        switch (args)
        {
            case ["usage-writer", var directory]:
                await UsageWriter.RunAsync(directory);
                return 0;
            case ["gateway-node", var directory, var port, var upstream, var postgres, var people, var groups, var cap]:
                await GatewayNode.RunAsync(directory, Number(port), new(upstream), postgres, Number(people), Number(groups), Number(cap));
                return 0;
            case ["configuration-writer", var directory, var database]:
                await ConfigurationWriter.RunAsync(directory, database);
                return 0;
            case ["migrator", var place]:
                await ConfigurationWriter.MigrateAsync(place);
                return 0;
            default:
                return 2;
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
