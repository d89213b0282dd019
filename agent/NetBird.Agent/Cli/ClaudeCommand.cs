using System.CommandLine;
using NetBird.Agent.ClaudeCode;
using NetBird.Agent.Store;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Cli;

/// <summary><c>claude</c>: points Claude Code at this agent, and back.</summary>
internal static class ClaudeCommand
{
    public static Command Build()
    {
        var command = new Command("claude", "Point Claude Code at this agent, or back.");
        command.Add(BuildSetup());
        command.Add(BuildUnset());
        command.Add(BuildEnv());
        command.Add(BuildManaged());
        return command;
    }

    private static Command BuildSetup()
    {
        var gateway = new Option<bool>("--gateway-mode") { Description = "The form in which Claude Code itself shows the share of the budget used and /usage in dollars." };
        var https = new Option<bool>("--https") { Description = "Use the https endpoint under the account's name." };
        var statusLine = new Option<bool>("--statusline") { Description = "Show who, model, spent and left under Claude Code's prompt." };
        var command = new Command("setup",
            """
            Write this agent's endpoint into ~/.claude/settings.json. Everything else in it stays; a copy is kept beside it.

            Examples:
              netbird-agent claude setup
              netbird-agent claude setup --gateway-mode --statusline
              netbird-agent claude unset                                  puts everything back
            """)
        {
            gateway, https, statusLine,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var state = StateDirOf.Parse(parsed);
            var status = await TryStatusAsync(state, cancellationToken).ConfigureAwait(false);
            var endpoint = EndpointOf(status);
            if (parsed.GetValue(https))
            {
                await HttpsSetup.PrepareAsync(status, cancellationToken).ConfigureAwait(false);
                endpoint = status!.EndpointHttpsUrl;
            }

            var form = parsed.GetValue(gateway) ? ClaudeForm.Gateway(endpoint) : ClaudeForm.Documented(endpoint);
            form = parsed.GetValue(https) ? form.WithAuthority(status!.EndpointAuthorityFile) : form;
            form = parsed.GetValue(statusLine) ? form.WithStatusLine(StatusLineCommandFor(state)) : form;
            return Write(new ClaudeSettingsFile(ClaudeSettingsFile.OfUser, forEveryone: false), form, status, endpoint, undo: "unset");
        });
        return command;
    }

    private static Command BuildUnset()
    {
        var command = new Command("unset", "Take this agent's values out of ~/.claude/settings.json and put back what they replaced.");
        command.SetAction(_ =>
        {
            var outcome = Undo(new ClaudeSettingsFile(ClaudeSettingsFile.OfUser, forEveryone: false));
            if (!HostsFile.TryRemove())
            {
                Terminal.Message.WriteLine($"{HostsFile.Path} still has a line that ends in '# netbird-agent'; it does no harm, and only root may take it out.");
            }

            return outcome;
        });
        return command;
    }

    private static Command BuildEnv()
    {
        var shell = new Option<string>("--shell") { Description = "sh, fish or powershell. Default sh.", DefaultValueFactory = _ => "sh" };
        var socket = new Option<bool>("--socket") { Description = "Go through the unix socket, which no other account can open." };
        var https = new Option<bool>("--https") { Description = "Use the https endpoint under the account's name." };
        shell.AcceptOnlyFromAmong("sh", "fish", "powershell");
        var command = new Command("env",
            """
            Print the variables that point Claude Code at this agent, for one shell.

            Example:
              eval "$(netbird-agent claude env)"
            """)
        {
            shell, socket, https,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var state = StateDirOf.Parse(parsed);
            var status = await TryStatusAsync(state, cancellationToken).ConfigureAwait(false);
            if (parsed.GetValue(https))
            {
                await HttpsSetup.PrepareAsync(status, cancellationToken).ConfigureAwait(false);
                Print(parsed.GetValue(shell)!, "NODE_EXTRA_CA_CERTS", status!.EndpointAuthorityFile);
            }

            Print(parsed.GetValue(shell)!, ClaudeEnvironment.BaseUrl, parsed.GetValue(https) ? status!.EndpointHttpsUrl : EndpointOf(status));
            Print(parsed.GetValue(shell)!, ClaudeEnvironment.ApiKey, ClaudeEnvironment.DummyKey);
            if (parsed.GetValue(socket))
            {
                Print(parsed.GetValue(shell)!, ClaudeEnvironment.UnixSocket, status is { EndpointSocket.Length: > 0 } ? status.EndpointSocket : state.EndpointSocket);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static Command BuildManaged()
    {
        var file = new Option<string>("--file") { Description = $"Default {ClaudeOverrides.ManagedSettings}.", DefaultValueFactory = _ => ClaudeOverrides.ManagedSettings };
        var remove = new Option<bool>("--remove") { Description = "Take the values out again." };
        var command = new Command("managed",
            """
            Write the settings that every account of this machine gets and none can change; for administrators.

            Example:
              sudo netbird-agent claude managed
            """)
        {
            file, remove,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var path = parsed.GetValue(file) is { Length: > 0 } given ? given : throw new DaemonException("--file needs a name.", ExitCode.WrongUsage);
            var settings = new ClaudeSettingsFile(path, forEveryone: true);
            if (parsed.GetValue(remove))
            {
                return Undo(settings);
            }

            var status = await TryStatusAsync(StateDirOf.Parse(parsed), cancellationToken).ConfigureAwait(false);
            var endpoint = EndpointOf(status);
            return Write(settings, ClaudeForm.Documented(endpoint), status, endpoint, undo: "managed --remove" + (path == ClaudeOverrides.ManagedSettings ? "" : " --file " + Quoted(path)));
        });
        return command;
    }

    private static int Write(ClaudeSettingsFile settings, ClaudeForm form, StatusReply? status, string endpoint, string undo)
    {
        Terminal.Result.WriteLine(settings.Apply(form)
            ? $"Claude Code uses {endpoint} now ({settings.Named}). To undo: netbird-agent claude {undo}"
            : $"Claude Code already uses {endpoint} ({settings.Named}).");
        foreach (var warning in ClaudeOverrides.Find(form, settings.Named, Environment.CurrentDirectory))
        {
            Terminal.Message.WriteLine(Fitted.Message("Warning: " + warning));
        }

        if (status is null or { EndpointUrl.Length: 0 })
        {
            Terminal.Message.WriteLine(Fitted.Message("Nothing listens there yet. Run: netbird-agent up"));
        }

        return ExitCode.Done;
    }

    private static int Undo(ClaudeSettingsFile settings)
    {
        Terminal.Result.WriteLine(settings.Undo() ? $"{settings.Named} is as it was." : $"{settings.Named} has nothing of this agent's.");
        return ExitCode.Done;
    }

    private static void Print(string shell, string name, string value)
        => Terminal.Result.WriteLine(shell switch
        {
            "fish" => $"set -gx {name} '{value}'",
            "powershell" => $"$env:{name} = '{value}'",
            _ => $"export {name}='{value}'",
        });

    private static string StatusLineCommandFor(StateDirectory state)
    {
        var program = Environment.ProcessPath ?? "netbird-agent";
        return state.Path == StateDirectory.At(null).Path
            ? $"{Quoted(program)} statusline"
            : $"{Quoted(program)} statusline --state-dir {Quoted(state.Path)}";
    }

    private static string Quoted(string word) => word.All(c => char.IsAsciiLetterOrDigit(c) || "/._-".Contains(c)) ? word : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static string EndpointOf(StatusReply? status)
        => status is { EndpointUrl.Length: > 0 } ? status.EndpointUrl
            : "http://" + (Environment.GetEnvironmentVariable("NETBIRD_AGENT_ENDPOINT") is { Length: > 0 } chosen ? chosen : AgentSettings.DefaultEndpoint);

    private static async Task<StatusReply?> TryStatusAsync(StateDirectory state, CancellationToken cancellationToken)
    {
        try
        {
            return await DaemonConnection.StatusAsync(state, cancellationToken).ConfigureAwait(false);
        }
        catch (DaemonException)
        {
            return null;
        }
    }
}
