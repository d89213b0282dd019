using System.CommandLine;

namespace NetBird.ControlPlane.Cli;

/// <summary>A verb that asks a running control plane: finds it, runs, and turns refusals into words and exit codes.</summary>
internal static class Verb
{
    /// <summary>Gives a command its action and the options that find the control plane.</summary>
    public static Command Calls(this Command command, Func<AdminClient, ParseResult, CancellationToken, Task> run)
    {
        var connection = new Connection();
        connection.AddTo(command);
        command.SetAction((parsed, cancellationToken) => GuardedAsync(async () =>
        {
            using var client = connection.Open(parsed);
            await run(client, parsed, cancellationToken);
        }));
        return command;
    }

    /// <summary>Runs a verb's work; its refusal is told on standard error.</summary>
    public static async Task<int> GuardedAsync(Func<Task> run)
    {
        try
        {
            await run();
            return NetBird.CommandLine.ExitCode.Done;
        }
        catch (CliException refusal)
        {
            foreach (var line in refusal.Message.Split('\n'))
            {
                await Console.Error.WriteLineAsync($"netbird-controlplane: {line}");
            }

            return refusal.ExitCode;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"netbird-controlplane: {fault.Message}");
            return NetBird.CommandLine.ExitCode.Failed;
        }
    }

    /// <summary>An optional option that takes a value.</summary>
    public static Option<string?> Setting(string name, string value, string description) => new(name)
    {
        Description = description,
        HelpName = value,
    };

    /// <summary>An option that may be given several times.</summary>
    public static Option<string[]> Settings(string name, string value, string description) => new(name)
    {
        Description = description,
        HelpName = value,
        Arity = ArgumentArity.ZeroOrMore,
        AllowMultipleArgumentsPerToken = false,
    };
}
