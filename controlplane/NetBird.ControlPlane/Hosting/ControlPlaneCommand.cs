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
        WrongUsage.ShortenLists(parsed);
        if (WrongUsage.Lines(parsed, "netbird-controlplane") is { Count: > 0 } lines)
        {
            await Console.Error.WriteLineAsync(string.Join(Environment.NewLine, lines));
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
