using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace NetBird.Agent.Tests.TestSupport;

/// <summary>The real executable with a state directory of its own; whatever daemon it started ends with it.</summary>
internal sealed class AgentProcess : IAsyncDisposable
{
    public AgentProcess(string? stateDir = null)
    {
        Root = Directory.CreateTempSubdirectory("nba").FullName;
        StateDir = stateDir ?? Path.Combine(Root, "state");
        EndpointPort = Ports.Free();
    }

    public string Root { get; }

    public string StateDir { get; }

    public int EndpointPort { get; }

    public string EndpointUrl => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{EndpointPort}");

    public Dictionary<string, string> Environment { get; } = [];

    /// <summary>Beside the tests' own folder in the common output of the build.</summary>
    public static string Executable { get; } = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory, "..", "..", "NetBird.Agent", new DirectoryInfo(AppContext.BaseDirectory).Name, "netbird-agent"));

    public Process Start(params string[] args) => StartWith("", args);

    public Process StartWith(string input, params string[] args)
    {
        var start = new ProcessStartInfo(Executable)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        foreach (var arg in args)
        {
            start.ArgumentList.Add(arg);
        }

        start.Environment["NETBIRD_AGENT_STATE_DIR"] = StateDir;
        start.Environment["NETBIRD_AGENT_ENDPOINT"] = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{EndpointPort}");
        start.Environment["NO_COLOR"] = "1";
        start.Environment["HOME"] = Root;
        foreach (var (name, value) in Environment)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start)!;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        return process;
    }

    /// <summary>Runs to the end.</summary>
    public async Task<Outcome> RunAsync(params string[] args) => await EndAsync(Start(args), TimeSpan.FromSeconds(60));

    public async Task<Outcome> RunWithAsync(string input, params string[] args) => await EndAsync(StartWith(input, args), TimeSpan.FromSeconds(60));

    public static async Task<Outcome> EndAsync(Process process, TimeSpan patience)
    {
        using (process)
        {
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            using var timeout = new CancellationTokenSource(patience);
            try
            {
                await process.WaitForExitAsync(timeout.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                throw new TimeoutException($"Still running after {patience}: {await error}");
            }

            return new Outcome(process.ExitCode, await output, await error);
        }
    }

    public async Task<JsonElement> StatusAsync()
    {
        var outcome = await RunAsync("status", "--json");
        return outcome.Output.Length == 0
            ? throw new InvalidOperationException(outcome.ToString())
            : JsonDocument.Parse(outcome.Output).RootElement;
    }

    /// <summary>Polls until the state is as wanted; how long that took.</summary>
    public async Task<TimeSpan> UntilStateAsync(string wanted, TimeSpan patience)
    {
        var watch = Stopwatch.StartNew();
        var last = "";
        while (watch.Elapsed < patience)
        {
            var outcome = await RunAsync("status", "--json");
            if (outcome.Output.Length != 0)
            {
                var status = JsonDocument.Parse(outcome.Output).RootElement;
                last = status.GetProperty("state").GetString() + ": " + status.GetProperty("reason").GetString();
                if (status.GetProperty("state").GetString() == wanted)
                {
                    return watch.Elapsed;
                }
            }

            await Task.Delay(50);
        }

        throw new TimeoutException($"Not {wanted} after {patience}, but {last}\n{ReadLog()}");
    }

    public string ReadLog() => File.Exists(Path.Combine(StateDir, "agent.log")) ? File.ReadAllText(Path.Combine(StateDir, "agent.log")) : "no log";

    /// <summary>The daemon's process id, from the lock file that it holds.</summary>
    public int DaemonId
    {
        get
        {
            // By cat, since .NET asks for a lock of its own when it opens a file.
            using var cat = Process.Start(new ProcessStartInfo("cat", [Path.Combine(StateDir, "agent.lock")]) { RedirectStandardOutput = true })!;
            var file = cat.StandardOutput;
            return int.Parse(file.ReadToEnd(), CultureInfo.InvariantCulture);
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await RunAsync("down");
        }
        finally
        {
            if (File.Exists(Path.Combine(StateDir, "agent.lock")))
            {
                try
                {
                    using var daemon = Process.GetProcessById(DaemonId);
                    if (daemon.ProcessName.StartsWith("netbird-agent", StringComparison.Ordinal))
                    {
                        daemon.Kill();
                    }
                }
                catch (Exception e) when (e is ArgumentException or FormatException or InvalidOperationException)
                {
                    // It ended by itself.
                }
            }

            Directory.Delete(Root, recursive: true);
        }
    }
}

/// <summary>What a command ended with.</summary>
internal sealed record Outcome(int ExitCode, string Output, string Error)
{
    public override string ToString() => new StringBuilder().Append("exit ").Append(ExitCode).Append('\n').Append(Output).Append(Error).ToString();
}
