using System.Diagnostics;
using System.Reflection;
using NetBird.WireGuard;

namespace NetBird.Agent.Tests.Cli.Wg;

/// <summary>
/// The built executable as a WireGuard interface: configured by a file and by wg(8), with wireguard-go at the other
/// end of a cable between two network namespaces.
/// </summary>
[Trait("Needs", "root")]
public sealed class WgCommandTests : IAsyncLifetime
{
    private const int OurPort = 22201;
    private const int OtherPort = 22202;

    private readonly string _id = $"plt{Environment.ProcessId % 100_000}";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("netbird-wg-");
    private readonly List<Process> _running = [];
    private readonly PrivateKey _ourKey = PrivateKey.Generate();
    private readonly PrivateKey _otherKey = PrivateKey.Generate();
    private readonly PrivateKey _preshared = PrivateKey.Generate();

    private string Ours => _id + "a";

    private string Other => _id + "b";

    public Task InitializeAsync() => Task.CompletedTask;

    [SkippableFact]
    public async Task Wg_FromAFile_CarriesPacketsToWireGuardGoAndAnswersWg()
    {
        SkipWithout("wg", "wireguard-go", "ip", "ping");
        await ConnectAsync();
        var file = Write("ours.conf", File(_ourKey, OurPort, _otherKey, "172.31.9.2", OtherPort, "10.78.0.2/32"));

        var process = await StartOursAsync(file);
        await StartOtherAsync();
        await InAsync(Ours, "ip", "address", "add", "10.78.0.1/24", "dev", Ours);
        await InAsync(Ours, "ping", "-c", "3", "-i", "0.2", "-W", "5", "10.78.0.2");

        var peer = (await RunAsync("wg", "show", Ours, "dump")).TrimEnd().Split('\n')[1].Split('\t');
        Assert.Equal(_otherKey.PublicKey.ToString(), peer[0]);
        Assert.Equal(Base64(_preshared), peer[1]);
        Assert.NotEqual("0", peer[4]);
        Assert.True(long.Parse(peer[5], null) >= 3 * 128 && long.Parse(peer[6], null) >= 3 * 128, string.Join(' ', peer));

        process.Kill(entireProcessTree: true);
    }

    [SkippableFact]
    public async Task Wg_ReconfiguredWhileItRuns_GoesOn()
    {
        SkipWithout("wg", "wireguard-go", "ip", "ping");
        await ConnectAsync();
        await StartOursAsync(config: null);
        await StartOtherAsync();
        await InAsync(Ours, "ip", "address", "add", "10.78.0.1/24", "dev", Ours);

        // Everything by wg(8): first with another key and port than the other end knows, then with the right ones.
        using var wrong = PrivateKey.Generate();
        await RunAsync("wg", "setconf", Ours, Write("1.conf", File(wrong, 22203, _otherKey, "172.31.9.2", OtherPort, "10.78.0.2/32")));
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => InAsync(Ours, "ping", "-c", "1", "-W", "1", "10.78.0.2"));
        await RunAsync("wg", "set", Ours, "private-key", Write("key", Base64(_ourKey)), "listen-port", $"{OurPort}");
        await InAsync(Ours, "ping", "-c", "2", "-i", "0.2", "-W", "10", "10.78.0.2");
        Assert.Equal($"{OurPort}", (await RunAsync("wg", "show", Ours, "listen-port")).Trim());

        // syncconf leaves what stays the same: the session lives, so no new handshake is made.
        var before = await RunAsync("wg", "show", Ours, "latest-handshakes");
        await RunAsync("wg", "syncconf", Ours, Write("2.conf", File(_ourKey, OurPort, _otherKey, "172.31.9.2", OtherPort, "10.78.0.2/32,10.78.1.0/24")));
        await InAsync(Ours, "ping", "-c", "2", "-i", "0.2", "-W", "5", "10.78.0.2");
        Assert.Equal(before, await RunAsync("wg", "show", Ours, "latest-handshakes"));
        Assert.Contains("10.78.1.0/24", await RunAsync("wg", "show", Ours, "allowed-ips"), StringComparison.Ordinal);

        await RunAsync("wg", "set", Ours, "fwmark", "0x51");
        Assert.Equal("0x51", (await RunAsync("wg", "show", Ours, "fwmark")).Trim());
        await RunAsync("wg", "set", Ours, "peer", _otherKey.PublicKey.ToString(), "remove");
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => InAsync(Ours, "ping", "-c", "1", "-W", "1", "10.78.0.2"));
    }

    [SkippableFact]
    public async Task Wg_Killed_StartsAgainOverItsOwnRemains()
    {
        SkipWithout("wg", "ip");
        await ConnectAsync();
        var first = await StartOursAsync(config: null);
        first.Kill(entireProcessTree: true);
        await first.WaitForExitAsync();
        Assert.True(System.IO.File.Exists($"/var/run/wireguard/{Ours}.sock"), "the kill left no socket behind to be cleaned");

        await StartOursAsync(config: null);

        Assert.Contains("listening port", await RunAsync("wg", "show", Ours), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Wg_KilledAtAnyMoment_NextStartSucceedsAndLeavesNothing()
    {
        SkipWithout("wg", "ip");
        await ConnectAsync();
        var random = new Random(1);
        var moments = Environment.GetEnvironmentVariable("NETBIRD_LONG") == "1" ? 30 : 12;
        for (var moment = 0; moment < moments; moment++)
        {
            var doomed = Start("ip", ["netns", "exec", Ours, Executable(), "wg", Ours]);
            if (moment % 3 == 0)
            {
                // Up, and then somewhere in its stop.
                await doomed.StandardError.ReadLineAsync();
                await RunAsync("kill", "-TERM", $"{doomed.Id}");
                await Task.Delay(random.Next(60));
            }
            else
            {
                await Task.Delay(random.Next(500));
            }

            doomed.Kill(entireProcessTree: true);
            await doomed.WaitForExitAsync();
        }

        var process = await StartOursAsync(config: null);
        Assert.Contains("listening port", await RunAsync("wg", "show", Ours), StringComparison.Ordinal);

        await RunAsync("kill", "-TERM", $"{process.Id}");
        await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token);
        Assert.False(System.IO.File.Exists($"/var/run/wireguard/{Ours}.sock"));
        Assert.DoesNotContain(Ours + ":", await InAsync(Ours, "ip", "link"), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Wg_NameOfALivingInterface_IsRefusedAndThatOneLivesOn()
    {
        SkipWithout("wg", "wireguard-go", "ip");
        await ConnectAsync();
        await StartOtherAsync();

        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => InAsync(Other, Executable(), "wg", Other));
        Assert.Contains("exists", e.Message, StringComparison.Ordinal);

        // The same name in another namespace is free as an interface, but not as a socket.
        e = await Assert.ThrowsAsync<InvalidOperationException>(() => InAsync(Ours, Executable(), "wg", Other));
        Assert.Contains("Another process serves", e.Message, StringComparison.Ordinal);
        Assert.Contains(_otherKey.PublicKey.ToString(), await RunAsync("wg", "show", Other), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Wg_Ended_LeavesNothingBehind()
    {
        SkipWithout("wg", "ip");
        await ConnectAsync();
        var process = await StartOursAsync(config: null);

        await RunAsync("kill", "-TERM", $"{process.Id}");
        await process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token);

        Assert.Equal(0, process.ExitCode);
        Assert.False(System.IO.File.Exists($"/var/run/wireguard/{Ours}.sock"));
        Assert.DoesNotContain(Ours + ":", await InAsync(Ours, "ip", "link"), StringComparison.Ordinal);
    }

    public async Task DisposeAsync()
    {
        foreach (var process in _running)
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync();
            }

            process.Dispose();
        }

        foreach (var space in (string[])[Ours, Other])
        {
            if (System.IO.File.Exists($"/var/run/netns/{space}"))
            {
                await RunAsync("ip", "netns", "delete", space);
            }

            System.IO.File.Delete($"/var/run/wireguard/{space}.sock");
        }

        _folder.Delete(recursive: true);
    }

    private async Task ConnectAsync()
    {
        await RunAsync("ip", "netns", "add", Ours);
        await RunAsync("ip", "netns", "add", Other);
        await InAsync(Ours, "ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", Other);
        foreach (var (space, address) in ((string, string)[])[(Ours, "172.31.9.1/24"), (Other, "172.31.9.2/24")])
        {
            await InAsync(space, "ip", "address", "add", address, "dev", "cable");
            await InAsync(space, "ip", "link", "set", "cable", "up");
        }
    }

    private async Task<Process> StartOursAsync(string? config)
    {
        string[] file = config is null ? [] : ["--config", config];
        var process = Start("ip", ["netns", "exec", Ours, Executable(), "wg", Ours, .. file]);
        var line = await process.StandardError.ReadLineAsync();
        Assert.StartsWith($"Interface {Ours} is up (userspace)", line, StringComparison.Ordinal);
        return process;
    }

    private async Task StartOtherAsync()
    {
        Start("ip", ["netns", "exec", Other, "wireguard-go", "--foreground", Other]);
        for (var attempt = 0; !System.IO.File.Exists($"/var/run/wireguard/{Other}.sock") && attempt < 100; attempt++)
        {
            await Task.Delay(50);
        }

        await RunAsync("wg", "setconf", Other, Write("other.conf", File(_otherKey, OtherPort, _ourKey, null, 0, "10.78.0.1/32")));
        await InAsync(Other, "ip", "address", "add", "10.78.0.2/24", "dev", Other);
        await InAsync(Other, "ip", "link", "set", Other, "up");
    }

    private string File(PrivateKey own, int port, PrivateKey peer, string? address, int peerPort, string allowedIPs)
        => $"""
            [Interface]
            PrivateKey = {Base64(own)}
            ListenPort = {port}

            [Peer]
            PublicKey = {peer.PublicKey}
            PresharedKey = {Base64(_preshared)}
            AllowedIPs = {allowedIPs}
            {(address is null ? "" : $"Endpoint = {address}:{peerPort}")}
            """;

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder.FullName, name);
        System.IO.File.WriteAllText(path, text);
        return path;
    }

    private Task<string> InAsync(string space, params string[] command) => RunAsync("ip", ["netns", "exec", space, .. command]);

    private async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Start(program, arguments, remember: false);
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {output}{await errors}");
    }

    private Process Start(string program, string[] arguments, bool remember = true)
    {
        var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        if (remember)
        {
            _running.Add(process);
        }

        return process;
    }

    private static string Base64(PrivateKey key)
    {
        var bytes = new byte[32];
        key.Export(bytes);
        return Convert.ToBase64String(bytes);
    }

    private static string Executable()
    {
        var own = new DirectoryInfo(Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location)!);
        return Path.Combine(own.Parent!.Parent!.FullName, "NetBird.Agent", own.Name, "netbird-agent");
    }

    private static void SkipWithout(params string[] tools)
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "needs root for network namespaces");
        Skip.IfNot(System.IO.File.Exists("/dev/net/tun"), "needs /dev/net/tun");
        Skip.IfNot(System.IO.File.Exists(Executable()), "needs the built netbird-agent");
        foreach (var tool in tools)
        {
            Skip.IfNot(
                Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => System.IO.File.Exists(Path.Combine(folder, tool))),
                $"needs {tool}");
        }
    }
}
