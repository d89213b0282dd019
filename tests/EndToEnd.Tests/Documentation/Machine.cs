using System.Diagnostics;
using System.Globalization;

namespace EndToEnd.Tests.Documentation;

/// <summary>
/// A machine beside this one: its own network, processes and host name, and this machine's files with every change kept in
/// memory. What is done in it, installed or broken, is gone with it.
/// </summary>
internal sealed class Machine : IAsyncDisposable
{
    private readonly Process _holder;
    private readonly string _mount;
    private readonly string _init;

    private Machine(string name, Process holder, string mount, string init) => (Name, _holder, _mount, _init) = (name, holder, mount, init);

    public string Name { get; }

    /// <summary>Where commands start.</summary>
    public string Folder { get; set; } = "/home/ana";

    /// <summary>Process id of its first process, as this machine counts.</summary>
    public string Init => _init;

    public static async Task<Machine> StartAsync(string name)
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "needs root for namespaces and an overlay file system");
        var mount = Directory.CreateTempSubdirectory("netbird-machine-").FullName;

        // The first process collects the orphans, as an init does: who asks whether a daemon still runs must not find its zombie.
        var holder = Command.Start("unshare",
        [
            "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--mount-proc", "--kill-child", "sh", "-ec",
            """
            folder=$0
            mount -t tmpfs tmpfs "$folder"
            mkdir "$folder/upper" "$folder/work" "$folder/files"
            mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$folder/files"
            for shared in proc dev sys; do mount --rbind "/$shared" "$folder/files/$shared"; done
            mount -t tmpfs tmpfs "$folder/files/run"
            hostname "$1"
            ip link set lo up
            mkdir -p "$folder/files/home/ana"
            exec chroot "$folder/files" bash -c 'echo ready; trap "exit 0" TERM; while :; do sleep 1000 & wait $!; done'
            """,
            mount, name,
        ]);
        var machine = new Machine(name, holder, mount, "");
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            if (await holder.StandardOutput.ReadLineAsync(limit.Token) != "ready")
            {
                throw new InvalidOperationException("No machine: " + await holder.StandardError.ReadToEndAsync(limit.Token));
            }

            var id = holder.Id.ToString(CultureInfo.InvariantCulture);
            var child = (await File.ReadAllTextAsync($"/proc/{id}/task/{id}/children", limit.Token)).Trim();
            return new(name, holder, mount, child);
        }
        catch
        {
            await machine.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a script to its end, in the person's home; both outputs in one.</summary>
    public Task<CommandResult> RunAsync(string script, int limitSeconds = 120, string? input = null)
        => Command.RunAsync("nsenter", Enter(script), Variables, input, limitSeconds: limitSeconds);

    public async Task MustAsync(string script, string? input = null)
    {
        var result = await RunAsync(script, input: input);
        Assert.True(result.ExitCode == 0, $"{Name}: {script}\n{result}");
    }

    /// <summary>Starts what goes on running; it ends with the machine.</summary>
    /// <param name="script">For the shell.</param>
    /// <param name="log">A file in the machine that gets its outputs.</param>
    public Process Start(string script, string log) => Command.Start("nsenter", Enter($"exec >{log} 2>&1\n{script}"), Variables);

    public async ValueTask DisposeAsync()
    {
        if (!_holder.HasExited)
        {
            // unshare's --kill-child takes the first process along, and that one everything else in there.
            _holder.Kill();
            await _holder.WaitForExitAsync();
        }

        _holder.Dispose();
        for (var i = 0; i < 40 && Directory.Exists(_mount); i++)
        {
            try
            {
                Directory.Delete(_mount);
            }
            catch (IOException)
            {
                await Task.Delay(100);
            }
        }
    }

    private static Dictionary<string, string?> Variables => new()
    {
        ["HOME"] = "/home/ana",
        ["DISPLAY"] = ":0",
        ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ["IS_SANDBOX"] = "1",
        ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1",
        ["XDG_RUNTIME_DIR"] = null,
        ["XDG_STATE_HOME"] = null,
        ["NO_COLOR"] = "1",
    };

    private string[] Enter(string script)
        => ["--target", _init, "--net", "--mount", "--pid", "--uts", "--ipc", "--root", "--wdns=" + Folder, "bash", "-ec", "exec 2>&1\n" + script];
}
