using System.Diagnostics;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using NetBird.WireGuard.Tests.Linux.Kernel;
using Xunit.Abstractions;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>
/// A process with a userspace tunnel, killed at any moment of its start, its run and its stop: nothing of it stays, the next one has the same
/// name and port, and what another program made is as it was. (The kernel's tunnel: killed-at-any-moment in tests/KernelGuest.)
/// </summary>
[Trait("Needs", "root")]
public sealed class KilledTests(ITestOutputHelper output)
{
    private static readonly int s_moments = Fuzzing.IsLong ? 36 : 15;

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Open_AfterKillsAtAnyMoment_FindsNothingInItsWay(bool ownNamespace)
    {
        Requires.Tunnels();
        Requires.Tools("ip");
        var program = KernelGuest.FindGuest() is { } folder ? Path.Combine(folder, "kernel-guest") : null;
        Skip.If(program is null, "needs the build of tests/KernelGuest");
        var (name, other) = (Requires.Name(), Requires.Name());
        var port = FreePort();
        Command.Run($"ip tuntap add {other} mode tun");
        try
        {
            Command.Run($"ip addr add 10.98.7.1/24 dev {other}");
            Command.Run($"ip link set {other} up");
            var random = new Random(ownNamespace ? 1 : 2);
            var (starting, running, stopping) = (0, 0, 0);
            for (var moment = 0; moment < s_moments; moment++)
            {
                using var process = Process.Start(
                    new ProcessStartInfo(program!, ["hold", name, "userspace", ownNamespace ? "own" : "host", $"{port}"]) { RedirectStandardOutput = true })!;
                var holding = process.StandardOutput.ReadLineAsync();
                switch (moment % 3)
                {
                    case 0:
                        await Task.WhenAny(holding, Task.Delay(random.Next(300)));
                        _ = holding.IsCompleted ? running++ : starting++;
                        break;
                    case 1:
                        Assert.Equal("holding", await holding);
                        await Task.Delay(random.Next(20));
                        running++;
                        break;
                    default:
                        Assert.Equal("holding", await holding);
                        Command.Run($"kill -TERM {process.Id}");
                        await Task.Delay(random.Next(15));
                        stopping++;
                        break;
                }

                process.Kill();
                await process.WaitForExitAsync();
                Assert.DoesNotContain(NetworkInterface.GetAllNetworkInterfaces(), link => link.Name == name);
            }

            using var key = PrivateKey.Generate();
            await using var next = await End.OpenAsync(key, "10.99.0.1", port, ownNamespace, name: name);

            output.WriteLine($"{starting} killed while starting, {running} running, {stopping} stopping");
            Assert.Equal(port, next.ListenPort);
            Assert.Contains("10.98.7.0/24", Command.Run($"ip route show dev {other}"), StringComparison.Ordinal);
        }
        finally
        {
            Command.Run($"ip link del {other}");
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Any, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
