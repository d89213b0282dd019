using System.CommandLine;
using NetBird.CommandLine;

namespace NetBird.ControlPlane.Hosting;

/// <summary>The verbs of <c>netbird-controlplane</c>.</summary>
internal static class ControlPlaneCommand
{
    // Longer than the 5 s that serve gives its own shutdown, so that the verb ends itself.
    private static readonly TimeSpan TerminationTimeout = TimeSpan.FromSeconds(10);

    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("NetBird control plane: identity, policy and usage for Claude Code without keys.")
        {
            ServeCommand.Create(),
        };

        foreach (var verb in Cli.ControlPlaneCommands.All())
        {
            root.Add(verb);
        }

        root.Add(Documentation.CreateCommand(root, "netbird-controlplane"));

        var parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync($"netbird-controlplane: {error.Message}");
            }

            await Console.Error.WriteLineAsync("See netbird-controlplane --help.");
            return ExitCode.WrongUsage;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = TerminationTimeout,
            });
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Failed;
        }
    }
}
