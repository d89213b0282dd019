using System.Text;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>The refresh token lies in the person's keyring where there is one, and in a file of mode 0600 otherwise.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class KeyringTests
{
    [SkippableFact]
    public async Task KeyringUnlocked_TokenIsInItAlone_RenewsAndSurvivesARestart_AndLogoutRemovesIt()
    {
        using var idp = await OidcProvider.StartAsync();
        using var keyring = await SessionKeyring.StartAsync(unlocked: true);
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Agent.Environment["DBUS_SESSION_BUS_ADDRESS"] = keyring.BusAddress;
        world.Plane.LoginLifetime = TimeSpan.FromSeconds(10);
        await LoginFaultTests.LogInAsync(world);

        var first = await keyring.TokenAsync();
        var status = await world.Agent.RunAsync("status", "--detail");
        await UntilAsync(() => world.Plane.Renewals >= 1, world);
        var second = await keyring.TokenAsync();
        await world.Agent.RunAsync("down");
        var renewals = world.Plane.Renewals;
        var up = await world.Agent.RunAsync("up");
        await UntilAsync(() => world.Plane.Renewals > renewals, world);
        var state = await File.ReadAllBytesAsync(Path.Combine(world.Agent.StateDir, "agent.db"));
        var last = await keyring.TokenAsync();
        var doctor = await world.Agent.RunAsync("doctor");
        await world.Agent.RunAsync("logout");
        var afterwards = await idp.RefreshAsync(last);

        Assert.Contains("invalid_grant", afterwards, StringComparison.Ordinal);
        Assert.NotEqual("", first);
        Assert.Contains("Refresh token:  in the keyring", status.Output, StringComparison.Ordinal);
        Assert.NotEqual(first, second);
        Assert.True(up.ExitCode == 0, up.ToString());
        foreach (var token in new[] { first, second, last })
        {
            Assert.Equal(-1, state.AsSpan().IndexOf(Encoding.UTF8.GetBytes(token)));
        }

        Assert.Contains("refresh token in the keyring", doctor.Output, StringComparison.Ordinal);
        Assert.Equal("", await keyring.TokenAsync());
    }

    [SkippableFact]
    public async Task KeyringLocked_TokenIsInAPrivateFile()
    {
        using var idp = await OidcProvider.StartAsync();
        using var keyring = await SessionKeyring.StartAsync(unlocked: false);
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Agent.Environment["DBUS_SESSION_BUS_ADDRESS"] = keyring.BusAddress;

        await IsInAFileAsync(world);
    }

    /// <summary>A bus that is gone, as an old variable in a terminal names one, and none at all.</summary>
    [SkippableTheory]
    [InlineData("unix:path=/nonexistent/bus")]
    [InlineData("nonsense")]
    [InlineData("")]
    public async Task NoKeyring_TokenIsInAPrivateFile_WithoutAWord(string bus)
    {
        using var idp = await OidcProvider.StartAsync();
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Agent.Environment["DBUS_SESSION_BUS_ADDRESS"] = bus;

        await IsInAFileAsync(world);
    }

    [SkippableFact]
    public async Task KeyringGoneAfterTheLogin_TunnelStays_AndTheStatusSaysWhereTheTokenIs()
    {
        using var idp = await OidcProvider.StartAsync();
        using var keyring = await SessionKeyring.StartAsync(unlocked: true);
        await using var world = await AgentWorld.StartAsync(issuer: idp.Issuer);
        world.Agent.Environment["DBUS_SESSION_BUS_ADDRESS"] = keyring.BusAddress;
        await LoginFaultTests.LogInAsync(world);
        await world.Agent.RunAsync("down");
        keyring.Stop();

        var up = await world.Agent.RunAsync("up");
        var status = await world.Agent.RunAsync("status", "--detail");

        Assert.True(up.ExitCode == 0, up.ToString());
        Assert.Contains("in the keyring, which is locked or not reached", status.Output, StringComparison.Ordinal);
    }

    private static async Task IsInAFileAsync(AgentWorld world)
    {
        await LoginFaultTests.LogInAsync(world);
        var status = await world.Agent.RunAsync("status", "--detail");

        Assert.Contains("in the state directory, mode 0600", status.Output, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(world.Agent.StateDir, "agent.db")));
    }

    private static async Task UntilAsync(Func<bool> happened, AgentWorld world)
    {
        for (var i = 0; !happened(); i++)
        {
            Assert.True(i < 600, world.Agent.ReadLog());
            await Task.Delay(100);
        }
    }
}
