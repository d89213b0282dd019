using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using NetBird.Primitives;
using NetBird.WireGuard;

namespace KernelGuest;

/// <summary>Interfaces that come, go, are left behind, or are another program's.</summary>
internal static partial class Checks
{
    /// <summary>Opens an interface and holds it until it is killed, or told by SIGTERM to end.</summary>
    public static async Task HoldAsync(string name, TunnelKind kind, bool ownNamespace, int port)
    {
        using var told = new CancellationTokenSource();
        using var signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            told.Cancel();
        });
        using var key = PrivateKey.Generate();
        await using var tunnel = await OpenHeldAsync(kind, key, name, ownNamespace, port, CancellationToken.None);
        Console.WriteLine("holding");
        try
        {
            await Task.Delay(Timeout.Infinite, told.Token);
        }
        catch (OperationCanceledException)
        {
        }
    }

    private static async Task<string> RemovedWhenDisposedAsync(CancellationToken stop)
    {
        using var key = PrivateKey.Generate();
        var tunnel = await OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop, name: "wgd", ownNamespace: false);
        Require(Directory.Exists("/sys/class/net/wgd"), "the interface is not there");
        await tunnel.DisposeAsync();
        Require(!Directory.Exists("/sys/class/net/wgd"), "the interface is still there");

        var hidden = await OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop, name: "wgd");
        Require(!Directory.Exists("/sys/class/net/wgd"), "the interface of a namespace of its own is outside");
        await hidden.DisposeAsync();
        return "";
    }

    private static async Task<string> LeftBehindIsRemovedAsync(CancellationToken stop)
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["hold", "wgl", "kernel", "host", "22099"]) { RedirectStandardOutput = true })!;
        Require(await process.StandardOutput.ReadLineAsync(stop) == "holding", "the other process did not start");
        using var key = PrivateKey.Generate();
        var whileAlive = await FailureAsync(() => OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop, name: "wgl", ownNamespace: false));
        Require(whileAlive.Contains("Another process of ours", StringComparison.Ordinal), whileAlive);

        process.Kill();
        await process.WaitForExitAsync(stop);
        Require(Directory.Exists("/sys/class/net/wgl"), "nothing was left behind");

        await using var tunnel = await OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop, name: "wgl", ownNamespace: false);
        Require(tunnel.PublicKey == key.PublicKey, "the interface has another key");
        return "";
    }

    private static async Task<string> OthersInterfaceIsKeptAsync(CancellationToken stop)
    {
        await RunAsync("/bin/busybox", ["ip", "link", "add", "wgo", "type", "wireguard"], stop);
        using var key = PrivateKey.Generate();

        var why = await FailureAsync(() => OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop, name: "wgo", ownNamespace: false));

        Require(why.Contains("is not ours", StringComparison.Ordinal), why);
        Require(Directory.Exists("/sys/class/net/wgo"), "another program's interface is gone");
        return "";
    }

    private static async Task<string> PortTakenAsync(CancellationToken stop)
    {
        using var key = PrivateKey.Generate();
        await using var first = await OpenAsync(TunnelKind.Kernel, key, [KernelAddress], stop);

        var why = await FailureAsync(() => Tunnel.OpenAsync(
            Options(TunnelKind.Kernel, key, [KernelAddress], "wgp", ownNamespace: false, first.ListenPort), stop));

        Require(why.Contains($"UDP port {first.ListenPort} is taken", StringComparison.Ordinal), why);
        Require(!Directory.Exists("/sys/class/net/wgp"), "the interface that failed was left behind");
        return "";
    }

    // Each port has a network of its own: several are held at once in one namespace.
    private static Task<ITunnel> OpenHeldAsync(TunnelKind kind, PrivateKey key, string name, bool ownNamespace, int port, CancellationToken stop)
        => Tunnel.OpenAsync(
            Options(kind, key, [new IPAddress([10, 97, (byte)port, 1])], name, ownNamespace, port) with
            {
                Routes = [new IPNetwork(new IPAddress([10, 97, (byte)port, 0]), 24)],
            },
            stop);

    /// <summary>Kills at 16 or 32 moments of start, run and stop; each next start takes the same name and port, and another's interface stays.</summary>
    private static async Task<string> KilledAsync(bool own, CancellationToken stop)
    {
        const int Names = 8;

        // Half of them in every run: a process takes its time in an emulated machine.
        var rounds = (await File.ReadAllTextAsync("/proc/cmdline", stop)).Contains("netbird.long", StringComparison.Ordinal) ? 4 : 2;
        var other = own ? "wgx" : "wgy";
        await RunAsync("/bin/busybox", ["ip", "link", "add", other, "type", "wireguard"], stop);
        var random = new Random(own ? 1 : 2);
        var span = 1_500;
        var (early, late) = (0, 0);
        for (var round = 0; round < rounds; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, Names).Select(async i =>
            {
                using var process = Process.Start(new ProcessStartInfo(
                    Environment.ProcessPath!, ["hold", $"wgk{i}", "kernel", own ? "own" : "host", $"{22300 + i}"]) { RedirectStandardOutput = true })!;
                var holding = process.StandardOutput.ReadLineAsync(stop).AsTask();
                if (i % 2 == 0)
                {
                    // Somewhere in its start; processes of one round slow each other down, and so spread.
                    await Task.Delay(random.Next(span), stop);
                }
                else
                {
                    // Running, or on its way out.
                    _ = await holding;
                    await RunAsync("/bin/busybox", ["kill", i % 4 == 1 ? "-TERM" : "-0", $"{process.Id}"], stop);
                    await Task.Delay(random.Next(30), stop);
                }

                _ = holding.IsCompletedSuccessfully && holding.Result is not null ? Interlocked.Increment(ref late) : Interlocked.Increment(ref early);
                process.Kill();
                await process.WaitForExitAsync(stop);
            }));
            span += 1_000;
        }

        for (var i = 0; i < Names; i++)
        {
            using var key = PrivateKey.Generate();
            await using var tunnel = await OpenHeldAsync(TunnelKind.Kernel, key, $"wgk{i}", own, 22300 + i, stop);
            Require(tunnel.PublicKey == key.PublicKey && tunnel.ListenPort == 22300 + i, "the interface is not the new one");
        }

        Require(Directory.Exists($"/sys/class/net/{other}"), "another program's interface is gone");
        Require(!Directory.EnumerateDirectories("/sys/class/net", "wgk*").Any(), "something was left behind");
        Require(!(await RunAsync("/bin/busybox", ["ip", "route"], stop)).Contains("10.97.", StringComparison.Ordinal), "a route was left behind");
        return $"{early} killed before they were up, {late} after";
    }
}
