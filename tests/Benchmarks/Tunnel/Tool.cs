using System.Diagnostics;

namespace Benchmarks.Tunnel;

/// <summary>Runs command lines.</summary>
internal static class Tool
{
    public static string Run(string line) => TryRun(line) is (0, var output) ? output : throw new InvalidOperationException($"failed: {line}");

    public static (int Code, string Output) TryRun(string line)
    {
        using var process = Start(line);
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.GetAwaiter().GetResult());
    }

    public static Process Start(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return Process.Start(new ProcessStartInfo(words[0], words[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }
}
