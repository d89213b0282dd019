using System.CommandLine;
using Grpc.Core;
using NetBird.Agent.Diagnosis;
using NetBird.Agent.Service;
using NetBird.Agent.Store;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Cli;

/// <summary><c>up</c> and <c>login</c>: the same steps, with and without the tunnel.</summary>
internal sealed class UpCommand
{
    private readonly Option<string?> _managementUrl = CommonOptions.ManagementUrl();
    private readonly Option<string?> _setupKey = CommonOptions.Text("--setup-key", "Enrol a machine without a person. '-' reads it from standard input, which keeps it out of the process list.", "KEY|-");
    private readonly Option<string?> _setupKeyFile = CommonOptions.Text("--setup-key-file", "Read the setup key from a file.", "FILE");
    private readonly Option<bool> _deviceCode = CommonOptions.Flag("--device-code", "Log in with a code on another device. Default where there is no display, if the identity provider has it.");
    private readonly Option<bool> _noBrowser = CommonOptions.Flag("--no-browser", "Print the login URL, to be opened on this machine, instead of opening it.");
    private readonly PlaceOptions _place = new();
    private readonly Option<string?> _owner = OwnerOption.Build();
    private readonly Option<bool> _foreground = CommonOptions.Flag("--foreground", "Run the agent in this terminal until Ctrl-C.");

    public Command BuildUp()
    {
        var command = new Command("up",
            """
            Log in where needed and bring the tunnel up.

            Examples:
              netbird-agent up --management-url https://netbird.example.com
              netbird-agent up                                  again, with what was chosen before
              netbird-agent up --device-code                    with a code, entered on another device
              netbird-agent up --setup-key - < key.txt          a build machine
            """);
        AddLoginOptions(command);
        _place.AddTunnel(command);
        command.Add(_foreground);
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed, login: false, cancellationToken));
        return command;
    }

    public Command BuildLogin()
    {
        var command = new Command("login",
            """
            Log in again, also while the old login still stands.

            Examples:
              netbird-agent login
              netbird-agent login --no-browser      prints the URL, to open it elsewhere on this machine
            """);
        AddLoginOptions(command);
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed, login: true, cancellationToken));
        return command;
    }

    private void AddLoginOptions(Command command)
    {
        command.Add(_managementUrl);
        command.Add(_setupKey);
        command.Add(_setupKeyFile);
        command.Add(_deviceCode);
        command.Add(_noBrowser);
        _place.AddEndpoints(command);
        command.Add(_owner);
    }

    private async Task<int> RunAsync(ParseResult parsed, bool login, CancellationToken cancellationToken)
    {
        var state = StateDirOf.Parse(parsed);
        var foreground = !login && parsed.GetValue(_foreground);
        if (foreground)
        {
            DaemonPrivileges.Reduce(state);
        }

        var request = await RequestAsync(parsed, login, cancellationToken).ConfigureAwait(false);
        if (request.ManagementUrl.Length != 0 && Enrolment.ManagementUrl.TryParse(request.ManagementUrl, out var problem) is null)
        {
            return Terminal.Fail(problem, ExitCode.WrongUsage);
        }

        // Said before the daemon is asked, which goes on with the address that it has.
        if (PlaceOptions.Problem(request) is { } wrong)
        {
            return Terminal.Fail(wrong, ExitCode.WrongUsage);
        }

        var noBrowser = parsed.GetValue(_noBrowser);
        if (foreground)
        {
            return await DaemonHost.RunAsync(state, detached: false, endsWithDown: true, owner: null, stop => AskAsync(state, request, login, noBrowser, stop), cancellationToken).ConfigureAwait(false);
        }

        await DaemonLauncher.EnsureRunningAsync(state, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        var code = await AskAsync(state, request, login, noBrowser, cancellationToken).ConfigureAwait(false);
        return code == ExitCode.Done && cancellationToken.IsCancellationRequested
            ? Terminal.Fail(login ? "Stopped before the login was done." : "Stopped before the agent was connected. See: netbird-agent status", ExitCode.Failed)
            : code;
    }

    private async Task<UpRequest> RequestAsync(ParseResult parsed, bool login, CancellationToken cancellationToken)
    {
        var request = new UpRequest
        {
            ManagementUrl = parsed.GetValue(_managementUrl) ?? "",
            SetupKey = await SetupKeyAsync(parsed, cancellationToken).ConfigureAwait(false) ?? "",
            DeviceCode = parsed.GetValue(_deviceCode),
        };
        _place.ReadEndpoints(parsed, request);

        // Where nothing can show a login page, a URL to open "on this machine" helps nobody.
        request.DeviceCodeIfOffered = request.SetupKey.Length == 0 && !parsed.GetValue(_noBrowser) && !LoginPrompts.CanShowBrowser;
        if (OwnerOption.Read(parsed.GetValue(_owner)) is { } owner)
        {
            request.Owner = owner.Text;
        }

        if (!login)
        {
            _place.ReadTunnel(parsed, request);
        }

        return request;
    }

    /// <summary>Null where none was named. One that is named and empty is a build's secret that is not set, and no reason to ask for a person.</summary>
    private async Task<string?> SetupKeyAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        if (await GivenKeyAsync(parsed, cancellationToken).ConfigureAwait(false) is not { } given)
        {
            return null;
        }

        return given.Trim() is { Length: > 0 } key ? key : throw new DaemonException("The setup key is empty.", ExitCode.WrongUsage);
    }

    private async Task<string?> GivenKeyAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_setupKeyFile) is { Length: > 0 } file)
        {
            try
            {
                return await ReadFileAsync(file, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new DaemonException($"The setup key file cannot be read: {e.Message}", ExitCode.WrongUsage);
            }
        }

        return parsed.GetValue(_setupKey) is "-" ? await ReadLineAsync(cancellationToken).ConfigureAwait(false) : parsed.GetValue(_setupKey);
    }

    /// <summary>Off the caller's thread: to open a pipe waits for whoever writes into it, and Ctrl-C would wait for them.</summary>
    private static async Task<string> ReadFileAsync(string file, CancellationToken cancellationToken)
    {
        await Task.Yield();
        return await File.ReadAllTextAsync(file, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>One line of standard input. Console.In reads on the caller's thread whatever it is called, and Ctrl-C would wait for the line.</summary>
    private static async Task<string> ReadLineAsync(CancellationToken cancellationToken)
    {
        if (!Console.IsInputRedirected)
        {
            Terminal.Message.WriteLine("The setup key, and Enter:");
        }

        using var input = new StreamReader(Console.OpenStandardInput());
        return await input.ReadLineAsync(cancellationToken).AsTask().WaitAsync(cancellationToken).ConfigureAwait(false) ?? "";
    }

    /// <summary>Has the daemon bring the tunnel up, or only log in, and shows what happens.</summary>
    /// <exception cref="DaemonException">There is no daemon, or it cannot be asked.</exception>
    internal static async Task<int> AskAsync(
        StateDirectory state, UpRequest request, bool login, bool noBrowser, CancellationToken cancellationToken)
    {
        using var connection = DaemonConnection.Open(state);
        try
        {
            using var call = login
                ? connection.Client.Login(request, cancellationToken: cancellationToken)
                : connection.Client.Up(request, cancellationToken: cancellationToken);
            var person = false;
            while (await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false))
            {
                var happened = call.ResponseStream.Current;
                person |= happened.EventCase is UpEvent.EventOneofCase.OpenUrl or UpEvent.EventOneofCase.DeviceCode;
                if (Show(happened, noBrowser) is { } exitCode)
                {
                    if (person && happened.Connected is { State: "connected" or "degraded" } status && ClaudeCheck.Run(status).Result != "pass")
                    {
                        Terminal.Message.WriteLine("To have Claude Code use it: netbird-agent claude setup");
                    }

                    return exitCode;
                }
            }

            return Terminal.Fail("The agent ended the conversation without a result. See: netbird-agent status", ExitCode.Failed);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled && cancellationToken.IsCancellationRequested)
        {
            return ExitCode.Done;
        }
        catch (RpcException e)
        {
            throw DaemonException.From(e);
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Done;
        }
    }

    /// <summary>Shows one event; the exit code when it was the last.</summary>
    private static int? Show(UpEvent happened, bool noBrowser)
    {
        switch (happened.EventCase)
        {
            case UpEvent.EventOneofCase.OpenUrl:
                LoginPrompts.ShowUrl(happened.OpenUrl, noBrowser);
                return null;
            case UpEvent.EventOneofCase.DeviceCode:
                LoginPrompts.ShowCode(happened.DeviceCode);
                return null;
            case UpEvent.EventOneofCase.Progress:
                Terminal.Message.WriteLine(Fitted.Message(happened.Progress + (happened.Progress.EndsWith('.') ? "" : " ...")));
                return null;
            case UpEvent.EventOneofCase.Failed:
                return Terminal.Fail(happened.Failed.Message, happened.Failed.ExitCode);
            case UpEvent.EventOneofCase.Connected:
                var status = happened.Connected;
                Terminal.Result.WriteLine(status.State is "connected" or "degraded"
                    ? $"Connected as {Who(status)}. Claude Code endpoint: {status.EndpointUrl}"
                    : $"Logged in as {Who(status)}.");
                if (status.Reason.Length != 0 && status.State != "down")
                {
                    Terminal.Message.WriteLine(Fitted.Message(status.Reason));
                }

                return ExitCode.Done;
            default:
                return null;
        }
    }

    private static string Who(StatusReply status) => status.UserName.Length != 0 ? status.UserName : status.PeerId;
}
