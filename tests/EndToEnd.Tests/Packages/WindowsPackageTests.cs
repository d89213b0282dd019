namespace EndToEnd.Tests.Packages;

/// <summary>The MSI's own tables, read with msitools. Nobody has run it on Windows from here.</summary>
public sealed class WindowsPackageTests
{
    [SkippableFact]
    public async Task Tables_InstallTheServiceTheShortcutAndTheDefaults()
    {
        var package = await BuiltPackages.FindAsync("netbird-agent_*_x64.msi");

        var properties = (await TableAsync(package, "Property")).ToDictionary(row => row[0], row => row[1]);
        Assert.Equal("{5C0B8E55-2B4E-5E0F-9A5C-7F1D3B6A9E21}", properties["UpgradeCode"]);
        Assert.Equal("1", properties["ALLUSERS"]);
        Assert.StartsWith("MANAGEMENT_URL;OWNER;SETUP_KEY_FILE;", properties["SecureCustomProperties"], StringComparison.Ordinal);
        Assert.Matches(@"^\{[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-8[0-9A-F]{3}-[0-9A-F]{12}\}$", properties["ProductCode"]);

        // Own process, automatic start; stopped for an upgrade, removed with the product.
        var service = Assert.Single(await TableAsync(package, "ServiceInstall"));
        Assert.Equal(["netbird-agent", "16", "2", "service run"], [service[1], service[3], service[4], service[10]]);
        Assert.Equal("163", Assert.Single(await TableAsync(package, "ServiceControl"))[2]);
        Assert.Equal("[INSTALLDIR]netbird-agent.exe", Assert.Single(await TableAsync(package, "Shortcut"))[4]);

        // An older one goes, a newer one stays.
        var upgrades = await TableAsync(package, "Upgrade");
        Assert.Equal(["WIX_DOWNGRADE_DETECTED", "WIX_UPGRADE_DETECTED"], upgrades.Select(row => row[6]).Order(StringComparer.Ordinal));
        Assert.Contains(await TableAsync(package, "LaunchCondition"), row => row[0].Contains("WIX_DOWNGRADE_DETECTED", StringComparison.Ordinal) && row[1].Contains("newer version", StringComparison.Ordinal));
        Assert.Contains(await TableAsync(package, "Registry"), row => row[3] == "MANAGEMENT_URL" && row[4] == "[MANAGEMENT_URL]");
        Assert.Contains(await TableAsync(package, "Registry"), row => row[3] == "OWNER" && row[4] == "[OWNER]");
    }

    [SkippableFact]
    public async Task Files_AreTheProgramForWindowsEachInAComponentOfItsOwn()
    {
        var package = await BuiltPackages.FindAsync("netbird-agent_*_x64.msi");

        var files = await TableAsync(package, "File");
        Assert.Contains(files, row => row[2] == "netbird-agent.exe");
        Assert.Contains(files, row => row[2].EndsWith("coreclr.dll", StringComparison.Ordinal));
        Assert.Equal(files.Count, files.Select(row => row[1]).Distinct().Count());

        // WireGuardNT is signed by its makers and comes from them: WIREGUARD_DLL at build time. Without it the tunnel is the rootless one.
        Assert.DoesNotContain(files, row => row[2] == "wireguard.dll");
        Assert.Contains(files, row => row[2].EndsWith("WIREGUARD.txt", StringComparison.Ordinal));
        Assert.Contains(await TableAsync(package, "Property"), row => row[0] == "ARPCOMMENTS" && row[1].StartsWith("Without WireGuardNT", StringComparison.Ordinal));
    }

    private static async Task<List<string[]>> TableAsync(string package, string table)
    {
        Skip.IfNot(File.Exists("/usr/bin/msiinfo"), "msitools is not installed.");
        var result = await Command.RunAsync("msiinfo", ["export", package, table]);
        Assert.True(result.ExitCode == 0, result.ToString());

        // Three lines of names, types and keys before the rows.
        return [.. result.Output.Split("\r\n").SelectMany(line => line.Split('\n')).Skip(3).Where(line => line.Length != 0).Select(line => line.Split('\t'))];
    }
}
