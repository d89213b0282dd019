using System.Globalization;
using EndToEnd.Tests.Documentation;
using Xunit.Abstractions;

namespace EndToEnd.Tests.Packages;

/// <summary>
/// A machine of a fleet on a kernel of its own, which has WireGuard: Debian in QEMU with both packages, enrolled as
/// shared/docs/fleet.md says, by the lines that no guide's machine can run.
/// </summary>
public sealed class BootedMachineTests(ITestOutputHelper output)
{
    private static readonly string Request = SampleAccount.Request(limitSeconds: 60);

    [SkippableFact]
    public async Task MachineWithoutAPerson_EnrolsWhenItsServiceStarts_ThroughTheKernelsTunnel()
    {
        var console = await BootAsync(Script(GuideBlock.Read("shared/docs/fleet.md").Single(block => block.Needs == "a booted machine")));

        Assert.Contains("IT IS kernel", console, StringComparison.Ordinal);
        Assert.Contains("ANSWER {\"id\":\"msg_sample_", console, StringComparison.Ordinal);
        Assert.Contains("WITHOUT THE KEY kernel", console, StringComparison.Ordinal);
        Assert.Contains("SECOND ANSWER {\"id\":\"msg_sample_", console, StringComparison.Ordinal);
        Assert.Contains("ROWS 2", console, StringComparison.Ordinal);
        Assert.Contains("LEFT none", console, StringComparison.Ordinal);
    }

    /// <summary>
    /// Longer than a WireGuard session lives (180 s), so that the kernel has only a dead one. The time is the machine's own, which
    /// QEMU makes many times slower than it is: what it shows is that nobody waits for a try of the kernel's or for a back-off.
    /// </summary>
    [SkippableFact]
    public async Task NetworkGone_ForLongerThanASessionLives_TheKernelsTunnelIsBackByItself()
    {
        var console = await BootAsync(Outage(GuideBlock.Read("shared/docs/fleet.md").Single(block => block.Needs == "a booted machine")));

        Assert.Contains("IT IS kernel", console, StringComparison.Ordinal);
        Assert.Contains("ANSWER {\"id\":\"msg_sample_", console, StringComparison.Ordinal);
        Assert.Contains("MEANWHILE not connected", console, StringComparison.Ordinal);
        Assert.Contains("BACK kernel", console, StringComparison.Ordinal);
        Assert.Contains("SECOND ANSWER {\"id\":\"msg_sample_", console, StringComparison.Ordinal);
        var seconds = double.Parse(console.Split("BACK AFTER ", 2)[1].Split(' ', 2)[0], CultureInfo.InvariantCulture);
        Assert.True(seconds < 120, $"It took {seconds} s.");
    }

    /// <summary>What each machine begins with: the packages, an account, and a machine that has enrolled.</summary>
    private static string Enrolled(GuideBlock lines) => $$"""
        exec 2>&1
        state() { netbird-agent status --json 2>/dev/null | jq -r .state; }
        until_connected() {
          for i in $(seq 300); do [ "$(state)" = connected ] && return; sleep 1; done
          netbird-agent status; journalctl --no-pager -n 60
        }
        before=$(ls /sys/class/net)
        apt-get install -y -q /mnt/*.deb >/tmp/apt.log || cat /tmp/apt.log
        for i in $(seq 300); do curl -fsS http://127.0.0.1:8080/readyz >/dev/null 2>&1 && break; sleep 1; done
        {{SampleAccount.Apply}}
        echo NETBIRD_AGENT_MANAGEMENT_URL=http://127.0.0.1:8080 >/etc/netbird-agent/environment
        KEY=$(netbird-controlplane setup-key create build-machines --group Engineering --uses 50 --expires 30d --json | jq -r .key)
        {{lines.Text}}
        until_connected
        netbird-agent status
        echo "IT IS $(netbird-agent status --json | jq -r .tunnel_kind)"
        echo "ANSWER $({{Request}})"
        """;

    /// <summary>The cable is the loopback interface, over which everything of this machine goes but the unix sockets.</summary>
    private static string Outage(GuideBlock lines) => Enrolled(lines) + $$"""

        busybox ip link set lo down
        sleep 200
        [ "$(state)" = connected ] || echo "MEANWHILE not connected: $(netbird-agent status --json | jq -r .reason)"
        busybox ip link set lo up
        up=$(date +%s.%N)
        until_connected
        log=$(ls /var/lib/netbird-agent/agent.log)
        back=$(grep -- '-> connected' $log | tail -1 | cut -d' ' -f1)
        echo "BACK AFTER $(echo "$(date -d $back +%s.%N) $up" | awk '{ printf "%.2f", $1 - $2 }') s"
        tail -25 $log
        echo "BACK $(netbird-agent status --json | jq -r .tunnel_kind)"
        echo "SECOND ANSWER $({{Request}})"
        """;

    /// <summary>What the machine does once it has booted. Its last words come after both services have stopped.</summary>
    private static string Script(GuideBlock lines) => Enrolled(lines) + $$"""

        rm /etc/netbird-agent/setup-key
        systemctl restart netbird-agent netbird-controlplane
        until_connected
        echo "WITHOUT THE KEY $(netbird-agent status --json | jq -r .tunnel_kind)"
        echo "SECOND ANSWER $({{Request}})"
        for i in $(seq 60); do rows=$(netbird-controlplane logs --json | jq '[.[] | select(.decision == "allowed")] | length'); [ "$rows" = 2 ] && break; sleep 1; done
        echo "ROWS $rows"
        systemctl stop netbird-agent netbird-controlplane
        [ "$before" = "$(ls /sys/class/net)" ] && [ -z "$(pgrep netbird)" ] && [ "$(lsmod | awk '$1 == "wireguard" { print $3 }')" = 0 ] && echo LEFT none
        """;

    private async Task<string> BootAsync(string script)
    {
        var tree = Environment.GetEnvironmentVariable("NETBIRD_TEST_DEBIAN");
        Skip.IfNot(Directory.Exists(tree), "needs a tree made by debootstrap, named by NETBIRD_TEST_DEBIAN; tests/run.sh --long makes it");
        var kernel = Environment.GetEnvironmentVariable("NETBIRD_TEST_KERNEL");
        Skip.IfNot(Directory.Exists(kernel), "needs Debian's kernel, unpacked, named by NETBIRD_TEST_KERNEL; tests/run.sh fetches it");
        Skip.IfNot(Environment.IsPrivilegedProcess, "needs root to read the tree's files");
        var folder = Directory.CreateTempSubdirectory("netbird-booted-");
        try
        {
            foreach (var pattern in (string[])["netbird-agent_*_amd64.deb", "netbird-controlplane_*_amd64.deb"])
            {
                var package = await BuiltPackages.FindAsync(pattern);
                File.Copy(package, Path.Combine(folder.FullName, Path.GetFileName(package)));
            }

            var file = Path.Combine(folder.FullName, "script");
            await File.WriteAllTextAsync(file, script.ReplaceLineEndings("\n"));

            // Beside suites that take the whole machine it did not end within 1500 s.
            var booted = await Command.RunAsync(
                "bash", [Path.Combine(Checkout.Root, "tests/EndToEnd.Tests/Packages/booted-debian.sh"), tree!, kernel!, folder.FullName, file], limitSeconds: 2700);
            output.WriteLine(booted.ToString());
            Assert.True(booted.ExitCode == 0, booted.ToString());
            return booted.Output;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
