#pragma warning disable CA1416 // macOS code run on Linux on purpose, against a stand-in; the attribute would make SkippableFact skip it.
using System.Net;
using System.Runtime.InteropServices;
using CsCheck;
using NetBird.WireGuard.Mac;
using NetBird.WireGuard.Tests.Windows;

namespace NetBird.WireGuard.Tests.Mac;

/// <summary>Whose socket it is, by a list of a stand-in with C structures of its own. What macOS itself answers is not proved here.</summary>
public sealed class ConnectionOwnerTests
{
    [SkippableTheory]
    [MemberData(nameof(Windows.ConnectionOwnerTests.Ends), MemberType = typeof(Windows.ConnectionOwnerTests))]
    public void Of_Client_IsTheUidOfItsSocket(string client, string server)
    {
        StandIn.Start();
        var (here, there) = (IPEndPoint.Parse(client), IPEndPoint.Parse(server));
        StandIn.ConnectOnMac(there, here, 0);
        StandIn.ConnectOnMac(IPEndPoint.Parse("127.0.0.1:50001"), IPEndPoint.Parse("127.0.0.1:8788"), 502);
        StandIn.ConnectOnMac(here, there, 501);

        Assert.Equal(501u, ConnectionOwner.Of(here, there));
        Assert.Equal(0u, ConnectionOwner.Of(there, here));
        Assert.Null(ConnectionOwner.Of(here, IPEndPoint.Parse("127.0.0.1:8789")));
    }

    [SkippableFact]
    public void Of_ListThatGrewMeanwhile_IsReadAgain()
    {
        StandIn.Start();
        var (here, there) = (IPEndPoint.Parse("127.0.0.1:50000"), IPEndPoint.Parse("127.0.0.1:8788"));
        StandIn.ConnectOnMac(here, there, 501);
        StandIn.GrowOnMac(60_000);

        Assert.Equal(501u, ConnectionOwner.Of(here, there));
    }

    [Fact]
    public void OwnerOf_AnyBytes_IsReadWithinThem()
        => Gen.Select(Gen.Byte.Array[0, 400], Gen.UInt[0, 120]).Sample(
            (bytes, length) =>
            {
                if (bytes.Length >= 8)
                {
                    MemoryMarshal.Write(bytes, in length);
                    bytes[4] = 0x10;
                    bytes.AsSpan(5, 3).Clear();
                }

                _ = ProtocolBlocks.OwnerOf(bytes, new IPEndPoint(IPAddress.Loopback, 1), new IPEndPoint(IPAddress.Loopback, 2));
            },
            iter: Fuzzing.Cases,
            threads: 1);
}
