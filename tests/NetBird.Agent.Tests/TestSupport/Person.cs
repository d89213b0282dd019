using System.Diagnostics;
using System.Runtime.Versioning;

namespace NetBird.Agent.Tests.TestSupport;

/// <summary>Somebody else's account on this machine: a uid with a home that is nobody else's.</summary>
[SupportedOSPlatform("linux")]
internal sealed class Person : IDisposable
{
    public Person(string uid)
    {
        Uid = uid;
        Home = Directory.CreateTempSubdirectory("nbo").FullName;
        Process.Start("chown", [uid, Home]).WaitForExit();
    }

    public string Uid { get; }

    public string Home { get; }

    /// <summary>Acting as another uid is for root, and the executable must be where others can reach it.</summary>
    public static void Require(string uid)
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "needs root to act as another uid");
        using var reach = Process.Start("setpriv", ["--reuid", uid, "--regid", uid, "--clear-groups", "--", "test", "-x", AgentProcess.Executable]);
        reach.WaitForExit();
        Skip.IfNot(reach.ExitCode == 0, "this checkout is where no other account can reach the executable");
    }

    public async Task<Outcome> RunAsync(string input, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("setpriv", ["--reuid", Uid, "--regid", Uid, "--clear-groups", "--", program, .. arguments])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/",
        };
        start.Environment["HOME"] = Home;
        start.Environment.Remove("XDG_STATE_HOME");
        start.Environment["NO_COLOR"] = "1";
        var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        return await AgentProcess.EndAsync(process, TimeSpan.FromSeconds(60));
    }

    public void Dispose() => Directory.Delete(Home, recursive: true);
}
