using System.Net;
using Microsoft.Extensions.Logging.Abstractions;

namespace NetBird.WireGuard.Tests.Linux.Kernel;

[Trait("Needs", "root")]
public sealed class KernelTunnelWithoutModuleTests
{
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Open_KernelWithoutWireGuard_SaysSoAndLeavesNothing(bool ownNamespace)
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "needs root on Linux");
        Skip.If(Directory.Exists("/sys/module/wireguard"), "this kernel has WireGuard");
        var name = $"plt{Environment.ProcessId % 100_000}k";
        using var key = PrivateKey.Generate();

        var e = await Record.ExceptionAsync(async () =>
        {
            await using var tunnel = await Tunnel.OpenAsync(Options(name, key, TunnelKind.Kernel, ownNamespace), CancellationToken.None);
        });
        Skip.If(e is null, "this kernel loaded WireGuard when it was asked");

        Assert.Contains("This kernel has no WireGuard", Assert.IsType<TunnelException>(e).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists($"/sys/class/net/{name}"));
    }

    /// <summary>What was taken in its place is no longer to be advised.</summary>
    [SkippableFact]
    public async Task Open_TheBestThereIs_SaysWhatTheKernelLacksAndNotWhatToDo()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "needs root on Linux");
        Skip.If(Directory.Exists("/sys/module/wireguard"), "this kernel has WireGuard");
        using var key = PrivateKey.Generate();

        await using var tunnel = await Tunnel.OpenAsync(
            Options($"plt{Environment.ProcessId % 100_000}b", key, TunnelKind.Auto, ownNamespace: true), CancellationToken.None);

        Skip.If(tunnel.Kind == TunnelKind.Kernel, "this kernel loaded WireGuard when it was asked");
        Assert.Contains("No kernel tunnel: This kernel has no WireGuard", tunnel.KindReason, StringComparison.Ordinal);
        Assert.DoesNotContain("use --tunnel", tunnel.KindReason, StringComparison.Ordinal);
    }

    private static TunnelOptions Options(string name, PrivateKey key, TunnelKind kind, bool ownNamespace) => new()
    {
        InterfaceName = name,
        PrivateKey = key,
        Addresses = [IPAddress.Parse("10.79.0.1")],
        Routes = [],
        Kind = kind,
        OwnNamespace = ownNamespace,
        Time = TimeProvider.System,
        Logging = NullLoggerFactory.Instance,
    };
}
