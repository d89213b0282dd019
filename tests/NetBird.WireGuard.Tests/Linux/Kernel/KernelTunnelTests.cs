using Xunit.Abstractions;

namespace NetBird.WireGuard.Tests.Linux.Kernel;

/// <summary>
/// The kernel adapter against the kernel, and against our userspace end, and what else needs a machine of its own, in a virtual machine. The checks are in
/// tests/KernelGuest/Checks.cs; each is reported here under its name.
/// </summary>
[Trait("Needs", "qemu")]
public sealed class KernelTunnelTests(KernelGuest guest, ITestOutputHelper output) : IClassFixture<KernelGuest>
{
    [SkippableTheory]
    [InlineData("kernel-to-kernel")]
    [InlineData("kernel-to-userspace")]
    [InlineData("userspace-to-kernel")]
    [InlineData("kernel-to-userspace-ipv6-preshared")]
    [InlineData("many-peers")]
    [InlineData("many-prefixes")]
    [InlineData("wg-agrees")]
    [InlineData("plain-interface")]
    [InlineData("network-changed")]
    [InlineData("network-changed-after-tries-in-vain")]
    [InlineData("removed-when-disposed")]
    [InlineData("left-behind-is-removed")]
    [InlineData("others-interface-is-kept")]
    [InlineData("port-taken")]
    [InlineData("killed-at-any-moment-own-namespace")]
    [InlineData("killed-at-any-moment-host-namespace")]
    [InlineData("clock-set")]
    public void Guest_Check_IsOk(string check)
    {
        Skip.If(guest.Missing is not null, guest.Missing);

        var line = guest.Console.FirstOrDefault(line => line.Contains($"ok {check} (", StringComparison.Ordinal));
        Assert.True(line is not null, "The guest said:\n" + string.Join('\n', guest.Console));
        output.WriteLine(line);
    }

    [SkippableFact]
    public void Guest_Checks_AreAllReportedHere()
    {
        Skip.If(guest.Missing is not null, guest.Missing);

        var here = typeof(KernelTunnelTests).GetMethod(nameof(Guest_Check_IsOk))!
            .GetCustomAttributes(typeof(InlineDataAttribute), false).Length;
        Assert.Equal(here, guest.Console.Count(line => line.Contains("ok ", StringComparison.Ordinal) && line.Contains(" ms", StringComparison.Ordinal)));
        Assert.Contains(guest.Console, line => line.Contains("guest done, 0 failed", StringComparison.Ordinal));
    }
}
