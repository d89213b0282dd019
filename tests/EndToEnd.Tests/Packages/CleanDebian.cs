using System.Diagnostics;
using System.Globalization;

namespace EndToEnd.Tests.Packages;

/// <summary>
/// Debian as debootstrap makes it, running: systemd is its first process, the network is its own loopback, every change is kept in
/// memory. tests/run.sh --long makes the tree, NETBIRD_TEST_DEBIAN names it.
/// </summary>
internal sealed class CleanDebian : IAsyncDisposable
{
    private readonly Process _holder;
    private readonly string _group;
    private string _init = "";

    private CleanDebian(Process holder, string group) => (_holder, _group) = (holder, group);

    /// <param name="packages">The folder that is its /mnt.</param>
    public static async Task<CleanDebian> StartAsync(string packages)
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "needs root for namespaces and an overlay file system");
        var tree = Environment.GetEnvironmentVariable("NETBIRD_TEST_DEBIAN");
        Skip.IfNot(Directory.Exists(tree), "needs a tree made by debootstrap, named by NETBIRD_TEST_DEBIAN; tests/run.sh --long makes it");
        var group = "netbird-clean-" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        var holder = Command.Start("bash", [Path.Combine(Checkout.Root, "tests/EndToEnd.Tests/Packages/clean-debian.sh"), tree!, packages, group]);
        var machine = new CleanDebian(holder, group);
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            if (await holder.StandardOutput.ReadLineAsync(limit.Token) != "ready")
            {
                throw new InvalidOperationException("No machine: " + await holder.StandardError.ReadToEndAsync(limit.Token));
            }

            var id = holder.Id.ToString(CultureInfo.InvariantCulture);
            machine._init = (await File.ReadAllTextAsync($"/proc/{id}/task/{id}/children", limit.Token)).Trim();
            await machine.UntilAsync("systemctl is-system-running | grep -qx running", 120);
            return machine;
        }
        catch
        {
            await machine.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a script as root; both outputs in one.</summary>
    public Task<CommandResult> RunAsync(string script, int limitSeconds = 180)
        => Command.RunAsync("nsenter",
            ["--target", _init, "--net", "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--root", "--wdns=/root", "bash", "-ec", "exec 2>&1\n" + script],
            new Dictionary<string, string?>
            {
                ["HOME"] = "/root",
                ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                ["DEBIAN_FRONTEND"] = "noninteractive",
                ["LC_ALL"] = "C",
                ["XDG_RUNTIME_DIR"] = null,
                ["XDG_STATE_HOME"] = null,
                ["NO_COLOR"] = "1",
            },
            limitSeconds: limitSeconds);

    /// <returns>What it printed.</returns>
    public async Task<string> MustAsync(string script)
    {
        var result = await RunAsync(script);
        if (result.ExitCode != 0)
        {
            var journal = await RunAsync("journalctl --no-pager -n 60");
            Assert.Fail($"{script}\n{result}\n--- journal\n{journal.Output}");
        }

        return result.Output;
    }

    /// <summary>Waits until the script ends well.</summary>
    public async Task UntilAsync(string script, int limitSeconds = 60)
    {
        var watch = Stopwatch.StartNew();
        CommandResult last;
        while ((last = await RunAsync(script)).ExitCode != 0)
        {
            if (watch.Elapsed > TimeSpan.FromSeconds(limitSeconds))
            {
                var journal = await RunAsync("systemctl --no-pager --failed; journalctl --no-pager -n 60");
                Assert.Fail($"Not after {limitSeconds} s: {script}\n{last}\n--- journal\n{journal.Output}");
            }

            await Task.Delay(300);
        }
    }

    /// <summary>
    /// Every file with kind, mode, owner, target and content, but for what apt, dpkg and the journal write about themselves.
    /// </summary>
    public async Task<string[]> FilesAsync()
        => (await MustAsync("""
            cd / && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/systemd -o -path ./var/tmp -o -path ./mnt \
              -o -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp \) -prune -o -printf '%y %m %U:%G %p -> %l\n' | sort
            find etc usr/lib/systemd usr/bin usr/sbin root home var opt srv -xdev \( -path var/lib/dpkg -o -path var/lib/apt -o -path var/cache -o -path var/log -o -path var/lib/systemd -o -path var/tmp \) \
              -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
            """)).Split('\n');

    public async ValueTask DisposeAsync()
    {
        if (!_holder.HasExited)
        {
            // unshare's --kill-child takes systemd along, and that one everything else in there.
            _holder.Kill();
            await _holder.WaitForExitAsync();
        }

        _holder.Dispose();
        Directory.Delete("/tmp/" + _group, recursive: true);
        foreach (var hierarchy in Directory.GetDirectories("/sys/fs/cgroup").Prepend("/sys/fs/cgroup"))
        {
            for (var i = 0; i < 20 && Directory.Exists(Path.Combine(hierarchy, _group)); i++)
            {
                // A group goes when its last process is gone; its files go with it.
                await Command.RunAsync("find", [Path.Combine(hierarchy, _group), "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
                await Task.Delay(100);
            }
        }
    }
}
