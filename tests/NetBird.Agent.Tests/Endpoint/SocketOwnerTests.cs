using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using NetBird.Agent.Endpoint;
using NetBird.Agent.Tests.TestSupport;
using OnLinux = NetBird.WireGuard.Linux.ConnectionOwner;

namespace NetBird.Agent.Tests.Endpoint;

/// <summary>Whose a connection is, by each of the two ways that Linux tells it, for both families and for an IPv6 socket that speaks IPv4.</summary>
[SupportedOSPlatform("linux")]
public sealed class SocketOwnerTests
{
    private const string Other = "4712";

    public static TheoryData<bool, string, string> Ways => new()
    {
        { true, "127.0.0.1", "127.0.0.1" },
        { true, "::1", "::1" },
        { true, "127.0.0.1", "::ffff:127.0.0.1" },
        { false, "127.0.0.1", "127.0.0.1" },
        { false, "::1", "::1" },
        { false, "127.0.0.1", "::ffff:127.0.0.1" },
    };

    [SkippableTheory]
    [MemberData(nameof(Ways))]
    public void Of_OwnConnection_IsOurs(bool lookedUp, string listens, string dials)
    {
        RequireAddress(listens);
        using var pair = new Pair(listens, dials);

        Assert.Equal(Environment.IsPrivilegedProcess ? 0u : uint.Parse(Id(), System.Globalization.CultureInfo.InvariantCulture), Ask(lookedUp, pair.Client, pair.Ours));
    }

    /// <summary>Neither way takes a closed end, which shows uid 0, for root's.</summary>
    [SkippableTheory]
    [MemberData(nameof(Ways))]
    public void Of_ClosedByItsProcess_IsUnknown(bool lookedUp, string listens, string dials)
    {
        RequireAddress(listens);
        using var pair = new Pair(listens, dials);
        var (client, ours) = (pair.Client, pair.Ours);

        pair.CloseClient();

        Assert.Null(Ask(lookedUp, client, ours));
    }

    /// <summary>The kernel's look-up ends with whoever listens where the connection began; that is no caller.</summary>
    [SkippableTheory]
    [MemberData(nameof(Ways))]
    public void Of_ListenerInPlaceOfACaller_IsUnknown(bool lookedUp, string listens, string dials)
    {
        RequireAddress(listens);
        _ = dials;
        using var listener = new TcpListener(IPAddress.Parse(listens), 0);
        listener.Start();
        var itself = (IPEndPoint)listener.LocalEndpoint;

        Assert.Null(Ask(lookedUp, itself, new IPEndPoint(itself.Address, 1)));
    }

    [SkippableTheory]
    [MemberData(nameof(Ways))]
    public async Task Of_AnotherAccount_IsTheirs(bool lookedUp, string listens, string dials)
    {
        RequireAddress(listens);
        Person.Require(Other);
        using var listener = new TcpListener(IPAddress.Parse(listens), 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var host = dials.Contains(':', StringComparison.Ordinal) ? $"[{dials}]" : dials;
        using var curl = Process.Start(new ProcessStartInfo("setpriv",
            ["--reuid", Other, "--regid", Other, "--clear-groups", "curl", "-s", "--noproxy", "*", $"http://{host}:{port}/"]))!;
        using var accepted = await listener.AcceptSocketAsync().WaitAsync(TimeSpan.FromSeconds(20));

        Assert.Equal(4712u, Ask(lookedUp, (IPEndPoint)accepted.RemoteEndPoint!, (IPEndPoint)accepted.LocalEndPoint!));
        curl.Kill();
    }

    private static uint? Ask(bool lookedUp, IPEndPoint client, IPEndPoint ours) => lookedUp ? OnLinux.Of(client, ours) : SocketOwner.OfTable(client, ours);

    private static void RequireAddress(string listens)
        => Skip.If(listens == "::1" && !Socket.OSSupportsIPv6, "this machine has no IPv6");

    private static string Id()
    {
        using var id = Process.Start(new ProcessStartInfo("id", ["-u"]) { RedirectStandardOutput = true })!;
        return id.StandardOutput.ReadToEnd().Trim();
    }

    /// <summary>Both ends of a connection.</summary>
    private sealed class Pair : IDisposable
    {
        private readonly Socket _client;
        private readonly Socket _accepted;

        public Pair(string listens, string dials)
        {
            using var listener = new TcpListener(IPAddress.Parse(listens), 0);
            listener.Start();
            var to = new IPEndPoint(IPAddress.Parse(dials), ((IPEndPoint)listener.LocalEndpoint).Port);
            _client = to.Address.IsIPv4MappedToIPv6
                ? new Socket(SocketType.Stream, ProtocolType.Tcp) { DualMode = true }
                : new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            _client.Connect(to);
            _accepted = listener.AcceptSocket();
        }

        public IPEndPoint Client => (IPEndPoint)_accepted.RemoteEndPoint!;

        public IPEndPoint Ours => (IPEndPoint)_accepted.LocalEndPoint!;

        public void CloseClient() => _client.Dispose();

        public void Dispose()
        {
            _client.Dispose();
            _accepted.Dispose();
        }
    }
}
