using System.Diagnostics;

namespace NetBird.WireGuard.Tests;

/// <summary>A C compiler of this machine.</summary>
internal static class NativeCompiler
{
    /// <summary>The C sources of the tests of one platform's code.</summary>
    public static string FolderOf(string platform) => Path.Combine(AppContext.BaseDirectory, platform, "Native");

    /// <summary>Skips the test where the compiler is not installed.</summary>
    public static void Require(string compiler)
        => Skip.IfNot(
            (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
                .Any(folder => File.Exists(Path.Combine(folder, compiler))),
            $"needs {compiler}");

    /// <summary>What the compiler had to say; empty when it was content.</summary>
    public static string Run(string compiler, string folder, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(compiler, arguments) { RedirectStandardError = true, WorkingDirectory = folder })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? "" : errors;
    }
}
