using System.Diagnostics;
using System.Text;

namespace EndToEnd.Tests;

/// <summary>What a finished program left.</summary>
internal sealed record CommandResult(int ExitCode, string Output, string Error, TimeSpan Took)
{
    public override string ToString() => $"exit {ExitCode} after {Took.TotalSeconds:F1} s\n--- stdout\n{Output}\n--- stderr\n{Error}";
}

/// <summary>Runs a real program to its end, or to a time limit, after which it is ended and the test fails.</summary>
internal static class Command
{
    public static async Task<CommandResult> RunAsync(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment = null,
        string? input = null,
        string? folder = null,
        int limitSeconds = 90)
    {
        using var process = Start(program, arguments, environment, folder);
        var watch = Stopwatch.StartNew();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (input is not null)
        {
            await process.StandardInput.WriteAsync(input);
        }

        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(limitSeconds));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} still ran after {limitSeconds} s.\n{await EndOf(output)}\n{await EndOf(error)}");
        }

        return new(process.ExitCode, await EndOf(output), await EndOf(error), watch.Elapsed);
    }

    // A program may leave one behind that holds its pipes; what it wrote itself is there by then.
    private static async Task<string> EndOf(Task<string> text)
        => await Task.WhenAny(text, Task.Delay(TimeSpan.FromSeconds(5))) == text
            ? await text
            : throw new TimeoutException("A process that the program left behind keeps its output open.");

    public static Process Start(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string?>? environment = null,
        string? folder = null)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            WorkingDirectory = folder ?? Path.GetTempPath(),
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // A developer's own settings must not decide whether a test passes.
        foreach (var name in start.Environment.Keys.Where(name =>
            name.StartsWith("ANTHROPIC_", StringComparison.Ordinal)
            || name.StartsWith("CLAUDE", StringComparison.Ordinal)
            || name.StartsWith("NETBIRD_AGENT_", StringComparison.Ordinal)
            || name.StartsWith("NETBIRD_CP_", StringComparison.Ordinal)
            || name.EndsWith("_PROXY", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }

        return Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
    }
}
