using System.CommandLine;
using NetBird.Agent.ClaudeCode;
using NetBird.Agent.Cli.Wg;
using NetBird.Agent.Enrolment;
using NetBird.Agent.Store;

namespace NetBird.Agent.Cli;

/// <summary>Every command, and how its failures become words and exit codes.</summary>
internal static class CommandTree
{
    public static async Task<int> RunAsync(string[] args)
    {
        var root = Build();
        var parsed = root.Parse(args.Length == 0 ? ["--help"] : args);

        // In a list of commands a line each; the examples are in each command's own help.
        foreach (var command in parsed.CommandResult.Command.Subcommands)
        {
            command.Description = command.Description?.Split('\n')[0];
        }

        if (parsed.Errors.Count != 0)
        {
            // Where a word is not known, that none of the known ones was found either says nothing.
            const string NoCommand = "Required command was not provided.";
            var errors = parsed.Errors.Select(error => error.Message).ToList();
            foreach (var error in errors.Count > 1 ? errors.Where(error => error != NoCommand) : errors)
            {
                Terminal.Message.WriteLine(error == NoCommand ? "Name a command." : error);
            }

            if (parsed.UnmatchedTokens is [var word, ..] && Suggestion.For(parsed.CommandResult.Command, word) is { } meant)
            {
                Terminal.Message.WriteLine($"Did you mean '{meant}'?");
            }

            return Terminal.Fail($"See: netbird-agent {string.Concat(PathOf(parsed).Reverse())}--help", ExitCode.WrongUsage);
        }

        try
        {
            // contracts.md: Ctrl-C and SIGTERM end cleanly within 5 s. What exec runs decides for itself what they mean.
            var code = await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = parsed.CommandResult.Command.Name == ExecCommand.Name ? null : TimeSpan.FromSeconds(5),
            }).ConfigureAwait(false);
            return args.Length == 0 ? ExitCode.WrongUsage : code;
        }
        catch (DaemonException e)
        {
            return Terminal.Fail(e.Message, e.ExitCode);
        }
        catch (ClaudeSettingsException e)
        {
            return Terminal.Fail(e.Message, e.ExitCode);
        }
        catch (StateDirectoryException e)
        {
            return Terminal.Fail(e.Message, ExitCode.Failed);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Terminal.Fail(e.Message, ExitCode.Failed);
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Failed;
        }
    }

    internal static RootCommand Build()
    {
        var up = new UpCommand();
        var root = new RootCommand(
            """
            Claude Code without a key: logs you in, brings up a tunnel to your company's control plane, and serves Claude Code on this machine.

            Start:
              netbird-agent up --management-url https://netbird.example.com
              netbird-agent claude setup
              claude

            Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not running or not connected, 4 login needed, 5 not permitted.
            Every option can be set in the environment: NETBIRD_AGENT_ and its name, such as NETBIRD_AGENT_STATE_DIR.
            """)
        {
            CommonOptions.StateDir,
            CommonOptions.SocketDir,
            CommonOptions.Profile,
            up.BuildUp(),
            DownCommand.BuildDown(),
            StatusCommand.Build(),
            up.BuildLogin(),
            DownCommand.BuildLogout(),
            ExecCommand.Build(),
            BudgetCommand.BuildBudget(),
            BudgetCommand.BuildUsage(),
            ClaudeCommand.Build(),
            DoctorCommand.Build(),
            ProfileCommand.Build(),
            ServiceCommand.Build(),
            WgCommand.Create(),
            DebugCommand.Build(),
            BuildVersion(),
        };

        // Answered in Program.cs before this tree is built; listed here for --help.
        root.Add(new Command("statusline", "Print one line for Claude Code's statusLine: who, model, spent, left."));
        root.Add(Documentation.CreateCommand(root, "netbird-agent"));
        return root;
    }

    private static Command BuildVersion()
    {
        var command = new Command("version", "Print the version.");
        command.SetAction(_ => Terminal.Result.WriteLine(MachineFacts.AgentVersion));
        return command;
    }

    private static IEnumerable<string> PathOf(ParseResult parsed)
    {
        for (var command = parsed.CommandResult; command?.Parent is System.CommandLine.Parsing.CommandResult parent; command = parent)
        {
            yield return command.Command.Name + " ";
        }
    }
}
