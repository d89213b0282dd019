using System.Diagnostics;

namespace NetBird.Agent.Tests.TestSupport;

/// <summary>A session bus with GNOME Keyring on it, as a desktop has them, in folders of its own.</summary>
internal sealed class SessionKeyring : IDisposable
{
    // Without services that the bus starts by itself: asked before ours is there it would start a keyring of its own, without a collection.
    private const string BusConfiguration =
        """
        <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
        <busconfig>
          <type>session</type>
          <listen>unix:dir={0}</listen>
          <auth>EXTERNAL</auth>
          <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
        </busconfig>
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("nbk").FullName;
    private Process? _session;

    public string BusAddress { get; private set; } = "";

    public static async Task<SessionKeyring> StartAsync(bool unlocked)
    {
        Skip.IfNot(File.Exists("/usr/bin/gnome-keyring-daemon") && File.Exists("/usr/bin/secret-tool") && File.Exists("/usr/bin/dbus-run-session"),
            "Debian's gnome-keyring, libsecret-tools and dbus are not installed");
        var keyring = new SessionKeyring();
        try
        {
            if (!unlocked)
            {
                // A keyring that exists and that nobody has opened since.
                await keyring.RunSessionAsync(unlocked: true);
                keyring.Stop();
            }

            await keyring.RunSessionAsync(unlocked);
            return keyring;
        }
        catch
        {
            keyring.Dispose();
            throw;
        }
    }

    /// <summary>What the keyring has for the agent; empty when it has nothing.</summary>
    public async Task<string> TokenAsync()
    {
        var start = Prepare("secret-tool", "lookup", "xdg:schema", "io.netbird.agent.RefreshToken");
        start.Environment["DBUS_SESSION_BUS_ADDRESS"] = BusAddress;
        return (await AgentProcess.EndAsync(Process.Start(start)!, TimeSpan.FromSeconds(20))).Output.Trim();
    }

    public void Dispose()
    {
        Stop();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Ends bus and keyring, as the end of a desktop session does.</summary>
    public void Stop()
    {
        _session?.Kill(entireProcessTree: true);
        _session?.WaitForExit();
        _session?.Dispose();
        _session = null;

        // What the session left behind, whose parent has gone by now.
        for (var left = Left(); left.Count != 0; left = Left())
        {
            foreach (var process in left)
            {
                process.Kill();
                process.WaitForExit();
                process.Dispose();
            }
        }
    }

    /// <summary>Every process of the session, by the folder in its environment that no other has.</summary>
    private List<Process> Left() => [.. Process.GetProcesses().Where(process =>
    {
        try
        {
            return File.ReadAllText($"/proc/{process.Id}/environ").Contains("XDG_RUNTIME_DIR=" + _folder + "\0", StringComparison.Ordinal)
                && !process.HasExited;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            return false;
        }
    })];

    private async Task RunSessionAsync(bool unlocked)
    {
        var address = Path.Combine(_folder, "address");
        File.Delete(address);
        var keyring = unlocked ? "printf secret | gnome-keyring-daemon --foreground --unlock --components=secrets" : "gnome-keyring-daemon --foreground --components=secrets </dev/null";
        var configuration = Path.Combine(_folder, "bus.conf");
        await File.WriteAllTextAsync(configuration, BusConfiguration.Replace("{0}", _folder, StringComparison.Ordinal));
        _session = Process.Start(Prepare("dbus-run-session", "--config-file=" + configuration, "--", "sh", "-c", $"{keyring} & printf %s \"$DBUS_SESSION_BUS_ADDRESS\" >{address}.new; mv {address}.new {address}; wait"))!;
        _session.OutputDataReceived += (_, _) => { };
        _session.ErrorDataReceived += (_, _) => { };
        _session.BeginOutputReadLine();
        _session.BeginErrorReadLine();
        for (var i = 0; !File.Exists(address); i++)
        {
            Assert.True(i < 400, "no session bus");
            await Task.Delay(50);
        }

        BusAddress = await File.ReadAllTextAsync(address);
        for (var i = 0; ; i++)
        {
            // Whether the default collection is there and open, asked by another program than ours.
            var ask = Prepare("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets/aliases/default",
                "org.freedesktop.DBus.Properties.Get", "string:org.freedesktop.Secret.Collection", "string:Locked");
            ask.Environment["DBUS_SESSION_BUS_ADDRESS"] = BusAddress;
            var said = await AgentProcess.EndAsync(Process.Start(ask)!, TimeSpan.FromSeconds(20));
            if (said.Output.Contains(unlocked ? "false" : "true", StringComparison.Ordinal))
            {
                return;
            }

            Assert.True(i < 200, said.ToString());
            await Task.Delay(100);
        }
    }

    private ProcessStartInfo Prepare(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["HOME"] = _folder;
        start.Environment["XDG_DATA_HOME"] = Path.Combine(_folder, "data");
        start.Environment["XDG_RUNTIME_DIR"] = _folder;
        start.Environment.Remove("DBUS_SESSION_BUS_ADDRESS");
        start.Environment.Remove("DISPLAY");
        return start;
    }
}
