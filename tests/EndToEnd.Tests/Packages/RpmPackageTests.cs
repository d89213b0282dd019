using EndToEnd.Tests.Documentation;

namespace EndToEnd.Tests.Packages;

/// <summary>The agent's rpm in a root of its own, with Debian's rpm.</summary>
public sealed class RpmPackageTests
{
    [SkippableFact]
    public async Task Package_InstallsUpgradesRefusesADowngradeAndLeavesNothing()
    {
        var package = await BuiltPackages.FindAsync("netbird-agent-*.x86_64.rpm");
        await using var machine = await Machine.StartAsync("rpm");
        // /etc is every system's own; the package makes a folder in it.
        await machine.MustAsync("mkdir -p /new/tree/var/lib /new/tree/etc && rpm --root /new/tree --initdb");
        var before = await FilesAsync(machine);

        // Nothing else of a distribution is in that root, so neither dependencies nor a shell for the scripts are.
        const string Rpm = "rpm --root /new/tree --nodeps --noscripts --ignorearch --ignoreos";
        await machine.MustAsync($"{Rpm} -i {package}");
        await machine.MustAsync("""
            test -x /new/tree/usr/lib/netbird-agent/netbird-agent
            test "$(readlink /new/tree/usr/bin/netbird-agent)" = ../lib/netbird-agent/netbird-agent
            test -s /new/tree/usr/lib/systemd/system/netbird-agent.service
            /new/tree/usr/lib/netbird-agent/netbird-agent version
            rpm --root /new/tree -V --nodeps netbird-agent
            mkdir -p /new/tree/var/lib/netbird-agent && echo a login >/new/tree/var/lib/netbird-agent/agent.db
            """);

        // The same files under a newer and an older version: how it moves between them is rpm's own doing, and the state stays.
        await machine.MustAsync(Repacked(package, "9.9.9"));
        await machine.MustAsync($"{Rpm} -U /made/*/netbird-agent-9.9.9*.rpm && rpm --root /new/tree -q netbird-agent | grep 9.9.9 && grep -q login /new/tree/var/lib/netbird-agent/agent.db");
        var downgrade = await machine.RunAsync($"{Rpm} -U {package}");
        Assert.NotEqual(0, downgrade.ExitCode);
        Assert.Contains("is already installed", downgrade.Output, StringComparison.Ordinal);

        await machine.MustAsync($"rpm --root /new/tree --nodeps --noscripts -e netbird-agent && rm -r /new/tree/var/lib/netbird-agent");
        Assert.Equal(before, await FilesAsync(machine));
    }

    private static string Repacked(string package, string version) => $"""
        mkdir -p /again/tree && cd /again/tree && rpm2cpio {package} | cpio -idm --quiet
        cat >/again/newer.spec <<END
        Name: netbird-agent
        Version: {version}
        Release: 1
        Summary: the same, newer
        License: BSD-3-Clause
        AutoReqProv: no
        %description
        The same, newer.
        %install
        cp -a /again/tree/. %\u007bbuildroot\u007d/
        %files
        /usr
        END
        rpmbuild -bb --quiet --define "_rpmdir /made" --define "_build_id_links none" --define "__strip /bin/true" --define "__os_install_post %\u007bnil\u007d" --define "_binary_payload w1.gzdio" --buildroot /again/build /again/newer.spec
        """.Replace(@"\u007b", "{", StringComparison.Ordinal).Replace(@"\u007d", "}", StringComparison.Ordinal);

    private static async Task<string> FilesAsync(Machine machine)
    {
        // rpm's own database apart.
        var result = await machine.RunAsync("cd /new/tree && find . -path ./var/lib/rpm -prune -o -print | sort");
        Assert.True(result.ExitCode == 0, result.ToString());
        return result.Output;
    }
}
