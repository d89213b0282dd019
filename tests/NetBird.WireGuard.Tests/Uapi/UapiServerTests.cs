using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.WireGuard.Uapi;

namespace NetBird.WireGuard.Tests.Uapi;

/// <summary>wg(8) itself on the other side of the socket.</summary>
[Trait("Needs", "root")]
[SupportedOSPlatform("linux")]
public sealed class UapiServerTests : IDisposable
{
    private static int s_next;

    private readonly string _name =
        $"plt{Environment.ProcessId % 100_000}u{Interlocked.Increment(ref s_next)}".ToString(CultureInfo.InvariantCulture);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("netbird-uapi-");

    private string Path => System.IO.Path.Combine(_folder.FullName, _name + ".sock");

    [SkippableFact]
    public async Task Wg_SetShowAndSyncconf_WorkOnOurSocket()
    {
        SkipWithoutWg();
        var model = new MemoryInterface();
        await using var server = UapiServer.Start(_name, model, NullLogger.Instance);
        using var own = PrivateKey.Generate();
        using var first = PrivateKey.Generate();
        using var second = PrivateKey.Generate();
        using var preshared = PrivateKey.Generate();
        var keyFile = WriteFile(Base64(own));
        var presharedFile = WriteFile(Base64(preshared));

        await WgAsync("set", _name, "private-key", keyFile, "listen-port", "22001", "fwmark", "0x77",
            "peer", first.PublicKey.ToString(), "preshared-key", presharedFile, "endpoint", "[::1]:22002",
            "persistent-keepalive", "25", "allowed-ips", "10.1.0.0/16,fd00::/64");

        var dump = (await WgAsync("show", _name, "dump")).TrimEnd().Split('\n');
        Assert.Equal($"{Base64(own)}\t{own.PublicKey}\t22001\t0x77", dump[0]);
        Assert.Equal(
            $"{first.PublicKey}\t{Base64(preshared)}\t[::1]:22002\t10.1.0.0/16,fd00::/64\t1700000000\t11\t22\t25",
            Assert.Single(dump[1..]));

        var file = WriteFile(
            $"""
            [Interface]
            PrivateKey = {Base64(own)}
            ListenPort = 22003
            [Peer]
            PublicKey = {second.PublicKey}
            AllowedIPs = 10.2.0.0/16
            """);
        await WgAsync("syncconf", _name, file);

        dump = (await WgAsync("show", _name, "dump")).TrimEnd().Split('\n');
        Assert.StartsWith($"{second.PublicKey}\t(none)\t(none)\t10.2.0.0/16\t", Assert.Single(dump[1..]), StringComparison.Ordinal);
        Assert.Contains(_name, await WgAsync("show", "interfaces"), StringComparison.Ordinal);

        await WgAsync("set", _name, "peer", second.PublicKey.ToString(), "remove");

        Assert.DoesNotContain(second.PublicKey.ToString(), await WgAsync("show", _name), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Wg_RefusedByTheInterface_NamesTheError()
    {
        SkipWithoutWg();
        var model = new MemoryInterface { Refusal = new UapiException(UapiException.AddressInUse, "taken") };
        await using var server = UapiServer.Start(_name, model, NullLogger.Instance);

        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => WgAsync("set", _name, "listen-port", "22001"));

        Assert.Contains("Address already in use", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Start_Socket_IsOfItsOwnerAloneAndGoesWithTheServer()
    {
        SkipOnWindows();
        await using (UapiServer.Start(_name, new MemoryInterface(), NullLogger.Instance, _folder.FullName))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path));
        }

        Assert.False(File.Exists(Path));
    }

    [SkippableFact]
    public async Task Start_SocketOfADeadProcess_IsReplaced()
    {
        SkipOnWindows();
        using (var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            // Bound and closed without unlinking, as a kill leaves it.
            dead.Bind(new UnixDomainSocketEndPoint(Path));
            File.Move(Path, Path + ".kept");
        }

        File.Move(Path + ".kept", Path);

        await using var server = UapiServer.Start(_name, new MemoryInterface(), NullLogger.Instance, _folder.FullName);

        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(Path));
    }

    [SkippableFact]
    public async Task Start_SocketOfALivingServer_IsLeftAlone()
    {
        SkipOnWindows();
        await using var living = UapiServer.Start(_name, new MemoryInterface(), NullLogger.Instance, _folder.FullName);

        var e = Assert.Throws<UapiException>(
            () => UapiServer.Start(_name, new MemoryInterface(), NullLogger.Instance, _folder.FullName));

        Assert.Equal(UapiException.AddressInUse, e.Errno);
        Assert.True(File.Exists(Path));
    }

    [SkippableFact]
    public void Start_PlainFileInTheWay_IsLeftAlone()
    {
        SkipOnWindows();
        File.WriteAllText(Path, "somebody's");

        Assert.ThrowsAny<IOException>(
            () => UapiServer.Start(_name, new MemoryInterface(), NullLogger.Instance, _folder.FullName));

        Assert.Equal("somebody's", File.ReadAllText(Path));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static string Base64(PrivateKey key)
    {
        var bytes = new byte[32];
        key.Export(bytes);
        return Convert.ToBase64String(bytes);
    }

    private string WriteFile(string text)
    {
        var path = System.IO.Path.Combine(_folder.FullName, Guid.NewGuid().ToString("N"));
        File.WriteAllText(path, text);
        return path;
    }

    private static void SkipOnWindows() => Skip.If(OperatingSystem.IsWindows(), "Unix sockets with modes are of Unix");

    private static void SkipWithoutWg()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "needs root for /var/run/wireguard");
        Skip.IfNot(
            Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(System.IO.Path.Combine(folder, "wg"))),
            "needs wg(8)");
    }

    private static async Task<string> WgAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("wg") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"wg {arguments[0]}: {await errors}");
    }
}
