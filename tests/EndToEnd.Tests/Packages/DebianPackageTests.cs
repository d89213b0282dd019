namespace EndToEnd.Tests.Packages;

/// <summary>
/// The agent's Debian package in a root of its own: installed, run, not downgraded, removed, purged.
/// </summary>
public sealed class DebianPackageTests : IDisposable
{
    private const string Name = "netbird-agent";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("netbird-deb-");

    private string Root => Path.Combine(_folder.FullName, "root");

    [SkippableFact]
    public async Task Package_InstallsRunsRefusesADowngradeAndLeavesNothing()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.UserName == "root", "dpkg changes its root as root only.");
        Skip.IfNot(File.Exists("/usr/bin/dpkg-deb"), "dpkg is not installed.");
        var package = await BuiltPackages.FindAsync($"{Name}_*_amd64.deb");
        MakeRoot();

        // As every system's /etc is, or dpkg would remove the folder with the package that was the last to have something in it.
        await File.WriteAllTextAsync(Path.Combine(Root, "etc/hostname"), "clean\n");
        var before = Entries();

        await DpkgAsync("-i", package);
        Assert.All(
            [
                "usr/lib/netbird-agent/netbird-agent", "usr/lib/systemd/system/netbird-agent.service", "usr/share/man/man1/netbird-agent.1.gz",
                "usr/share/bash-completion/completions/netbird-agent", "usr/share/zsh/vendor-completions/_netbird-agent",
                "usr/share/fish/vendor_completions.d/netbird-agent.fish", "usr/share/doc/netbird-agent/copyright",
            ],
            file => Assert.True(new FileInfo(Path.Combine(Root, file)) is { Exists: true, Length: > 0 }, file));

        // Through the link on the PATH, and with the runtime that the package brings: nothing else is in this root.
        var version = await InsideAsync($"/usr/bin/{Name}", "version");
        Assert.True(version.ExitCode == 0, version.ToString());
        Assert.StartsWith("0.", version.Output, StringComparison.Ordinal);

        var older = await RepackAsync(package, "0.0.1");
        var downgrade = await Command.RunAsync("dpkg", Options("-i", older));
        Assert.NotEqual(0, downgrade.ExitCode);
        Assert.Contains("is older; a downgrade could not read its state", downgrade.Error, StringComparison.Ordinal);
        Assert.Equal(version.Output, (await InsideAsync($"/usr/bin/{Name}", "version")).Output);

        var state = Path.Combine(Root, "var/lib", Name, "agent.db");
        Directory.CreateDirectory(Path.GetDirectoryName(state)!);
        await File.WriteAllTextAsync(state, "a login");
        await DpkgAsync("-r", Name);
        Assert.False(Directory.Exists(Path.Combine(Root, "usr/lib", Name)));
        Assert.True(File.Exists(state), "Removal keeps the login; purge takes it.");

        await DpkgAsync("-P", Name);
        Assert.Equal(before, Entries());
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Just what dpkg, the scripts and .NET need, read from this machine: shell, dpkg, libraries and nothing to run it from.</summary>
    private void MakeRoot()
    {
        foreach (var folder in new[] { "usr/bin", "usr/lib", "usr/lib64", "etc", "tmp", "run", "proc", "dev",
            "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/log" })
        {
            Directory.CreateDirectory(Path.Combine(Root, folder));
        }

        foreach (var link in new[] { "bin", "lib", "lib64", "sbin" })
        {
            File.CreateSymbolicLink(Path.Combine(Root, link), link switch { "lib64" => "usr/lib64", "lib" => "usr/lib", _ => "usr/bin" });
        }

        File.WriteAllText(Path.Combine(Root, "var/lib/dpkg/status"), "");
        CopyIn("/usr/bin/sh", "/usr/bin/rm", "/usr/bin/dpkg");
    }

    private void CopyIn(params string[] programs)
    {
        var libraries = new SortedSet<string>(StringComparer.Ordinal) { "/usr/lib/x86_64-linux-gnu/libstdc++.so.6" };
        foreach (var program in programs.Concat(libraries).ToList())
        {
            using var ldd = Command.Start("ldd", [program]);
            foreach (var word in ldd.StandardOutput.ReadToEnd().Split([' ', '\t', '\n']).Where(word => word.StartsWith('/')))
            {
                libraries.Add(word);
            }
        }

        // .NET loads these by name.
        libraries.UnionWith(new[] { "libpthread.so.0", "libdl.so.2", "librt.so.1", "libgcc_s.so.1", "libm.so.6" }
            .Select(name => "/lib/x86_64-linux-gnu/" + name));
        foreach (var file in programs.Concat(libraries))
        {
            var target = Path.Combine(Root, file.TrimStart('/'));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            if (!File.Exists(target))
            {
                File.Copy(new FileInfo(file).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? file, target);
            }
        }
    }

    private async Task<string> RepackAsync(string package, string version)
    {
        var folder = Path.Combine(_folder.FullName, "older");
        await MustAsync("dpkg-deb", "-R", package, folder);
        foreach (var file in new[] { "control", "preinst" })
        {
            var path = Path.Combine(folder, "DEBIAN", file);
            var text = await File.ReadAllTextAsync(path);
            await File.WriteAllTextAsync(path, text.Replace("0.1.0", version, StringComparison.Ordinal));
        }

        // The scripts alone are what this one is for.
        Directory.Delete(Path.Combine(folder, "usr/lib"), recursive: true);
        await MustAsync("dpkg-deb", "--root-owner-group", "-Znone", "-b", folder, folder + ".deb");
        return folder + ".deb";
    }

    // No package of the base system is registered in this root. The scripts run inside it (chroot), never on this machine.
    private string[] Options(params string[] verb) => [$"--root={Root}", "--force-depends", .. verb];

    private Task DpkgAsync(params string[] verb) => MustAsync("dpkg", Options(verb));

    // .NET needs /proc; mounted for this command alone.
    private Task<CommandResult> InsideAsync(params string[] command)
        => Command.RunAsync("unshare",
            ["--mount", "sh", "-c", "root=$1; shift; mount --rbind /proc \"$root/proc\" && exec chroot \"$root\" \"$@\"", "sh", Root, .. command],
            new Dictionary<string, string?> { ["HOME"] = "/tmp" });

    private static async Task MustAsync(string program, params string[] arguments)
    {
        var result = await Command.RunAsync(program, arguments);
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {result}");
    }

    // dpkg's own database grows by its habit; all else must be as before.
    private List<string> Entries() => [.. Directory.EnumerateFileSystemEntries(Root, "*", SearchOption.AllDirectories)
        .Where(entry => !entry.StartsWith(Path.Combine(Root, "var/lib/dpkg"), StringComparison.Ordinal)
            && !entry.StartsWith(Path.Combine(Root, "var/log"), StringComparison.Ordinal))
        .Order(StringComparer.Ordinal)];
}
