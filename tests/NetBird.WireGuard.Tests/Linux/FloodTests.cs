using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using NetBird.WireGuard.Userspace;
using NetBird.WireGuard.Userspace.Noise;
using Xunit.Abstractions;

namespace NetBird.WireGuard.Tests.Linux;

/// <summary>Forged initiations whose mac1 is right, since the key that makes it is public: 100,000 a second from 200 addresses.</summary>
[Trait("Needs", "root")]
[SupportedOSPlatform("linux")]
[Collection(MemoryIsMeasured.Name)]
public sealed class FloodTests(ITestOutputHelper output)
{
    private const int PerSecond = 100_000;
    private const int Sources = 200;
    private const int Prepared = 20_000;

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Flood_OfForgedInitiations_TransferGoesOnAndMemoryStaysFlat(bool claimsCookie)
    {
        Requires.Tunnels();
        NativeCompiler.Require("gcc");
        using var ourKey = PrivateKey.Generate();
        using var theirKey = PrivateKey.Generate();
        await using var ours = await End.OpenAsync(ourKey, "10.99.0.1");
        await using var theirs = await End.OpenAsync(theirKey, "10.99.0.2");
        ours.SetPeer(End.Peer(theirKey, "10.99.0.2"));
        theirs.SetPeer(End.Peer(ourKey, "10.99.0.1", new IPEndPoint(IPAddress.Loopback, ours.ListenPort)));
        var sent = RandomNumberGenerator.GetBytes(Fuzzing.IsLong ? 400_000_000 : 20_000_000);
        _ = await TimeOf(sent[..5_000_000]);
        var quiet = await TimeOf(sent);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        using var flood = new Flood(ourKey.PublicKey.ToArray(), ours.ListenPort, claimsCookie);
        var flooded = await TimeOf(sent);
        var (forged, cookies) = flood.End();

        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;
        output.WriteLine($"quiet {quiet.TotalSeconds:F2} s, flooded {flooded.TotalSeconds:F2} s, {forged:N0} forged, {cookies:N0} cookies, {grown:N0} bytes grown");
        Assert.True(cookies > 0, "no cookies were sent");
        Assert.InRange(grown, long.MinValue, 10_000_000);

        // The flood needs a share of this machine too, and so do others: only the long run, on a machine of its own, holds us to the half.
        Assert.True(!Fuzzing.IsLong || flooded < quiet * 2, $"{quiet} became {flooded}");

        async Task<TimeSpan> TimeOf(byte[] bytes)
        {
            var started = Stopwatch.GetTimestamp();
            Assert.Equal(bytes, await End.EchoAsync(theirs.Overlay, ours.Overlay, IPAddress.Parse("10.99.0.1"), bytes));
            return Stopwatch.GetElapsedTime(started);
        }
    }

    /// <summary>Native/flood.c on its way.</summary>
    private sealed class Flood : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("netbird-flood");
        private readonly Process _process;

        public Flood(byte[] publicKey, int port, bool claimsCookie)
        {
            var program = Path.Combine(_folder.FullName, "flood");
            Assert.Equal("", NativeCompiler.Run("gcc", NativeCompiler.FolderOf("Linux"), "-O2", "-o", program, "flood.c"));
            var packets = Path.Combine(_folder.FullName, "packets");
            File.WriteAllBytes(packets, Forge(publicKey, claimsCookie));
            _process = Command.Start(
                $"{program} 127.0.0.1 {port} {packets} {WireFormat.InitiationSize} {PerSecond} 600 127.7.0.1 {Sources}");
        }

        public (long Sent, long Answered) End()
        {
            Command.Run($"kill {_process.Id}");
            var report = _process.StandardOutput.ReadToEnd().Split(' ');
            _process.WaitForExit();
            return (long.Parse(report[0], CultureInfo.InvariantCulture), long.Parse(report[1], CultureInfo.InvariantCulture));
        }

        public void Dispose()
        {
            if (!_process.HasExited)
            {
                _process.Kill();
            }

            _process.Dispose();
            _folder.Delete(recursive: true);
        }

        private static byte[] Forge(byte[] publicKey, bool claimsCookie)
        {
            const int Covered = WireFormat.InitiationSize - (2 * WireFormat.MacSize);
            var mac1Key = StaticIdentity.Mac1KeyOf(publicKey);
            var bytes = RandomNumberGenerator.GetBytes(Prepared * WireFormat.InitiationSize);
            for (var i = 0; i < Prepared; i++)
            {
                var message = bytes.AsSpan(i * WireFormat.InitiationSize, WireFormat.InitiationSize);
                BitConverter.TryWriteBytes(message, WireFormat.Initiation);
                Blake2s.Mac(mac1Key, message[..Covered], message.Slice(Covered, WireFormat.MacSize));
                if (!claimsCookie)
                {
                    message[^WireFormat.MacSize..].Clear();
                }
            }

            return bytes;
        }
    }
}
