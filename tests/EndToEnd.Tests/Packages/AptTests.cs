using System.Text.RegularExpressions;

namespace EndToEnd.Tests.Packages;

/// <summary>
/// Both Debian packages in a clean Debian that systemd runs: apt installs them, the hardened units carry a person's request, a newer
/// build takes over, an older one is refused, and purge leaves the files as they were.
/// </summary>
public sealed partial class AptTests
{
    private static readonly string Request = SampleAccount.Request(limitSeconds: 30);

    [SkippableFact]
    public async Task Packages_AreInstalledUpgradedRemovedAndPurged()
    {
        var folder = Directory.CreateTempSubdirectory("netbird-apt-");
        try
        {
            var older = await CopyAsync("netbird-agent_*_amd64.deb", folder.FullName);
            var olderPlane = await CopyAsync("netbird-controlplane_*_amd64.deb", folder.FullName);
            var (newer, newerPlane) = await NewerBuildAsync(folder.FullName);
            await using var debian = await CleanDebian.StartAsync(folder.FullName);
            await debian.MustAsync("useradd --create-home ana");
            var before = await debian.FilesAsync();

            await debian.MustAsync($"apt-get install -y -q /mnt/{olderPlane} /mnt/{older}");
            await debian.UntilAsync("systemctl is-active netbird-agent netbird-controlplane && curl -fsS http://127.0.0.1:8080/readyz");
            await AdministerAsync(debian);

            // For an account of the machine, and not for root, which installed it.
            await debian.MustAsync("netbird-agent service install --owner ana && grep -q -- '--owner' /etc/systemd/system/netbird-agent.service.d/owner.conf");
            await LogInAsync(debian);
            Assert.Contains("\"type\":\"message\"", await AsAnaAsync(debian, Request), StringComparison.Ordinal);
            var first = await StatusAsync(debian);

            await debian.MustAsync($"apt-get install -y -q /mnt/{newer} /mnt/{newerPlane}");
            Assert.StartsWith("9.9.9", await debian.MustAsync("netbird-agent version"), StringComparison.Ordinal);
            await debian.UntilAsync("su ana -c 'netbird-agent status --json' | jq -e '.state == \"connected\"'");
            var second = await StatusAsync(debian);
            Assert.Equal(first, second);
            Assert.Contains("\"type\":\"message\"", await AsAnaAsync(debian, Request), StringComparison.Ordinal);

            foreach (var package in new[] { older, olderPlane })
            {
                var downgrade = await debian.RunAsync($"apt-get install -y -q --allow-downgrades /mnt/{package}");
                Assert.NotEqual(0, downgrade.ExitCode);
                Assert.Contains("a downgrade could not read its state", downgrade.Output, StringComparison.Ordinal);
            }

            Assert.Contains("\"type\":\"message\"", await AsAnaAsync(debian, Request), StringComparison.Ordinal);
            Assert.Contains("3", await debian.MustAsync("netbird-controlplane logs --json | jq '[.[] | select(.decision == \"allowed\")] | length'"), StringComparison.Ordinal);

            await debian.MustAsync("apt-get remove -y -q netbird-agent netbird-controlplane");
            await debian.MustAsync("test ! -e /usr/bin/netbird-agent && test ! -e /usr/lib/netbird-controlplane && test -d /var/lib/netbird-agent && ! pgrep netbird");
            await debian.MustAsync("apt-get purge -y -q netbird-agent netbird-controlplane");
            var after = await debian.FilesAsync();
            var changed = after.Except(before).Select(line => "now: " + line).Concat(before.Except(after).Select(line => "before: " + line)).ToList();
            Assert.True(changed.Count == 0, string.Join('\n', changed));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task AdministerAsync(CleanDebian debian)
    {
        await debian.MustAsync($$"""
            {{SampleAccount.Apply}}
            echo 'correct horse battery' | tr -d '\n' | netbird-controlplane user create ana@example.com --name Ana --group Engineering --password-stdin
            """);
    }

    /// <summary>As the person does in the browser; the control plane's form takes it.</summary>
    private static async Task LogInAsync(CleanDebian debian)
    {
        await debian.MustAsync("su ana -c 'netbird-agent up --management-url http://127.0.0.1:8080 --no-browser' >/tmp/up.log 2>&1 &");
        await debian.UntilAsync("grep -qo 'http://127[^ ]*authorize?[^ ]*' /tmp/up.log");
        await debian.MustAsync("""
            page=$(curl -sS -L -c /tmp/jar -b /tmp/jar -o /tmp/form -w '%{url_effective}' "$(grep -o 'http://127[^ ]*authorize?[^ ]*' /tmp/up.log | head -1)")
            while IFS=$'\t' read -r name value; do hidden+=(--data-urlencode "$name=$value"); done < <(grep -o '<input[^>]*type="hidden"[^>]*>' /tmp/form \
              | sed -n 's/.*name="\([^"]*\)".*value="\([^"]*\)".*/\1\t\2/p' | sed 's/&amp;/\&/g; s/&#x2B;/+/g; s/&quot;/"/g')
            curl -fsS -L -c /tmp/jar -b /tmp/jar -o /tmp/answer "${hidden[@]}" --data-urlencode username=ana@example.com --data-urlencode 'password=correct horse battery' "$page"
            """);
        await debian.UntilAsync("grep -q 'Connected as Ana' /tmp/up.log");
    }

    /// <summary>Who is logged in, with which key and address: what an upgrade must not change.</summary>
    private static async Task<string> StatusAsync(CleanDebian debian)
        => await debian.MustAsync("until status=$(su ana -c 'netbird-agent status --json' 2>/dev/null) && [ -n \"$status\" ]; do sleep 1; done; jq -c '[.user_email, .peer_id, .public_key, .overlay_addresses, .login_expires_at, .management_url]' <<<\"$status\"");

    private static Task<string> AsAnaAsync(CleanDebian debian, string script)
        => debian.MustAsync($"su ana -s /bin/bash <<'SCRIPT'\n{script}\nSCRIPT");

    private static async Task<string> CopyAsync(string pattern, string folder)
    {
        var package = await BuiltPackages.FindAsync(pattern);
        File.Copy(package, Path.Combine(folder, Path.GetFileName(package)));
        return Path.GetFileName(package);
    }

    /// <summary>
    /// The same source under a later version, built anew: the programs themselves say so. NETBIRD_TEST_NEWER_PACKAGES names a folder
    /// that has been made already.
    /// </summary>
    private static async Task<(string Agent, string ControlPlane)> NewerBuildAsync(string folder)
    {
        var names = ("netbird-agent_9.9.9_amd64.deb", "netbird-controlplane_9.9.9_amd64.deb");
        if (Environment.GetEnvironmentVariable("NETBIRD_TEST_NEWER_PACKAGES") is { Length: > 0 } made)
        {
            File.Copy(Path.Combine(made, names.Item1), Path.Combine(folder, names.Item1));
            File.Copy(Path.Combine(made, names.Item2), Path.Combine(folder, names.Item2));
            return names;
        }

        var clone = Path.Combine(folder, "clone");
        var cloned = await Command.RunAsync("git", ["clone", "-q", Checkout.Root, clone]);
        Assert.True(cloned.ExitCode == 0, cloned.ToString());
        var properties = Path.Combine(clone, "Directory.Build.props");
        await File.WriteAllTextAsync(properties, VersionElement().Replace(await File.ReadAllTextAsync(properties), "<Version>9.9.9</Version>"));
        var script = Path.Combine(clone, "installers/linux/deb.sh");
        await File.WriteAllTextAsync(script, (await File.ReadAllTextAsync(script)).Replace(" -z6 ", " -z0 ", StringComparison.Ordinal)); // how small is not asked here
        var built = await Command.RunAsync(Path.Combine(clone, "installers/build.sh"), ["--output", folder, "--only", "deb", "--arch", "amd64"], limitSeconds: 1800);
        Assert.True(built.ExitCode == 0, built.ToString());
        Directory.Delete(clone, recursive: true);
        return names;
    }

    [GeneratedRegex("<Version>[^<]*</Version>")]
    private static partial Regex VersionElement();
}
