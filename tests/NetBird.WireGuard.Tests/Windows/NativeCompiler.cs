using System.Diagnostics;

namespace NetBird.WireGuard.Tests.Windows;

/// <summary>A C compiler of this machine.</summary>
internal static class NativeCompiler
{
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "Windows", "Native");

    /// <summary>Skips the test where the compiler is not installed.</summary>
    public static void Require(string compiler)
        => Skip.IfNot(
            (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
                .Any(folder => File.Exists(Path.Combine(folder, compiler))),
            $"needs {compiler}");

    /// <summary>What the compiler had to say; empty when it was content.</summary>
    public static string Run(string compiler, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(compiler, arguments) { RedirectStandardError = true, WorkingDirectory = Folder })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? "" : errors;
    }
}
