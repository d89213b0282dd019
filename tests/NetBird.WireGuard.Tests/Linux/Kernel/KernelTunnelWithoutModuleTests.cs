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
            await using var tunnel = await Tunnel.OpenAsync(
                new TunnelOptions
                {
                    InterfaceName = name,
                    PrivateKey = key,
                    Addresses = [IPAddress.Parse("10.79.0.1")],
                    Routes = [],
                    Kind = TunnelKind.Kernel,
                    OwnNamespace = ownNamespace,
                    Time = TimeProvider.System,
                    Logging = NullLoggerFactory.Instance,
                },
                CancellationToken.None);
        });
        Skip.If(e is null, "this kernel loaded WireGuard when it was asked");

        Assert.Contains("This kernel has no WireGuard", Assert.IsType<TunnelException>(e).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists($"/sys/class/net/{name}"));
    }
}
