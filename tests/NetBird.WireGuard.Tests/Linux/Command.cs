using System.Diagnostics;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>Runs the tools that tests compare us with.</summary>
internal static class Command
{
    public static bool Exists(string name)
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, name)));

    /// <summary>Output of a command line that must succeed.</summary>
    public static string Run(string line, string? input = null)
    {
        var (code, output) = TryRun(line, input);
        return code == 0 ? output : throw new InvalidOperationException($"'{line}' ended with {code}: {output}");
    }

    public static (int Code, string Output) TryRun(string line, string? input = null)
    {
        using var process = Start(line);
        if (input is not null)
        {
            process.StandardInput.Write(input);
        }

        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.GetAwaiter().GetResult());
    }

    public static Process Start(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var start = new ProcessStartInfo(words[0], words[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }
}
