using System.Net;
using NetBird.WireGuard.Linux.Netlink;

namespace NetBird.WireGuard.Tests.Linux.Netlink;

/// <summary>Against the kernel, in a namespace of the test's own, with ip(8) as the second opinion.</summary>
[Trait("Needs", "root")]
public sealed class RouteSocketTests
{
    [SkippableFact]
    public void CreateLink_OfKnownKind_IsFoundWithItsMark()
    {
        using var space = TestNamespace.Create();
        using var route = space.Run(RouteSocket.Open);

        route.CreateLink("nbt0", "bridge", group: 0x4E42);

        var link = route.FindLink("nbt0");
        Assert.NotNull(link);
        Assert.Equal(("nbt0", "bridge", false, 0x4E42u), (link.Name, link.Kind, link.IsUp, link.Group));
        Assert.Contains("nbt0", space.Execute("ip", "-br", "link"), StringComparison.Ordinal);
        Assert.DoesNotContain("nbt0", HostLinks(), StringComparison.Ordinal);
    }

    [SkippableFact]
    public void FindLink_NoSuchName_IsNull()
    {
        using var space = TestNamespace.Create();
        using var route = space.Run(RouteSocket.Open);

        Assert.Null(route.FindLink("nbt0"));
    }

    [SkippableFact]
    public void CreateLink_UnknownKind_CarriesErrnoAndWhatWasDone()
    {
        using var space = TestNamespace.Create();
        using var route = space.Run(RouteSocket.Open);

        var e = Assert.Throws<NetlinkException>(() => route.CreateLink("nbt0", "no-such-kind"));

        Assert.Equal(95, e.Errno); // EOPNOTSUPP
        Assert.Contains("create no-such-kind link nbt0", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void CreateLink_InAnotherNamespace_AppearsThereAndNotHere()
    {
        using var here = TestNamespace.Create();
        using var there = TestNamespace.Create();
        using var route = here.Run(RouteSocket.Open);
        using var routeThere = there.Run(RouteSocket.Open);
        using var target = File.OpenHandle(there.Path);

        route.CreateLink("nbt0", "bridge", targetNamespace: target);

        Assert.Null(route.FindLink("nbt0"));
        Assert.NotNull(routeThere.FindLink("nbt0"));
    }

    [SkippableFact]
    public void DeleteLink_ThatExists_IsGone()
    {
        using var space = TestNamespace.Create();
        using var route = space.Run(RouteSocket.Open);
        route.CreateLink("nbt0", "bridge");

        route.DeleteLink(route.FindLink("nbt0")!.Index);

        Assert.Null(route.FindLink("nbt0"));
    }

    [SkippableFact]
    public void SetMtuAndUp_OnALink_AreReadBack()
    {
        using var space = TestNamespace.Create();
        using var route = space.Run(RouteSocket.Open);
        route.CreateLink("nbt0", "bridge");
        var index = route.FindLink("nbt0")!.Index;

        route.SetMtu(index, 1400);
        route.SetUp(index);

        var link = Assert.Single(route.GetLinks(), l => l.Index == index);
        Assert.Equal((1400, true), (link.Mtu, link.IsUp));
    }

    [SkippableTheory]
    [InlineData("10.77.0.1", 32, "10.77.0.0/16")]
    [InlineData("10.77.0.1", 24, "0.0.0.0/0")]
    [InlineData("fd77::1", 128, "fd77::/64")]
    [InlineData("fd77::1", 64, "::/0")]
    public void AddAddressAndRoute_EitherFamily_AreListedAndRemoved(string address, int length, string prefix)
    {
        using var space = TestNamespace.Create();
        using var route = space.Run(RouteSocket.Open);
        route.CreateLink("nbt0", "bridge");
        var index = route.FindLink("nbt0")!.Index;
        route.SetUp(index);
        var expected = new AddressInfo(index, IPAddress.Parse(address), length);
        var network = IPNetwork.Parse(prefix);

        route.AddAddress(index, expected.Address, length);
        route.AddRoute(network, index);

        Assert.Contains(expected, route.GetAddresses());
        Assert.Contains(route.GetRoutes(), r => r.Destination.Equals(network) && r.Link == index && r.Table == 254);
        Assert.Contains(
            "nbt0",
            space.Execute("ip", address.Contains(':', StringComparison.Ordinal) ? "-6" : "-4", "route", "show", "exact", prefix),
            StringComparison.Ordinal);

        route.RemoveRoute(network, index);
        route.RemoveAddress(index, expected.Address, length);

        Assert.DoesNotContain(expected, route.GetAddresses());
        Assert.DoesNotContain(route.GetRoutes(), r => r.Destination.Equals(network) && r.Link == index);
    }

    [SkippableFact]
    public void AddAddress_Twice_SaysItExists()
    {
        using var space = TestNamespace.Create();
        using var route = space.Run(RouteSocket.Open);
        route.CreateLink("nbt0", "bridge");
        var index = route.FindLink("nbt0")!.Index;
        route.AddAddress(index, IPAddress.Parse("10.77.0.1"), 32);

        var e = Assert.Throws<NetlinkException>(() => route.AddAddress(index, IPAddress.Parse("10.77.0.1"), 32));

        Assert.Equal(17, e.Errno); // EEXIST
        Assert.Contains("10.77.0.1/32", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void GetLinks_MoreThanOneDatagramHolds_ListsAll()
    {
        using var space = TestNamespace.Create();
        using var route = space.Run(RouteSocket.Open);
        for (var i = 0; i < 60; i++)
        {
            route.CreateLink($"nbt{i}", "bridge");
        }

        Assert.Equal(61, route.GetLinks().Count); // With loopback.
    }

    [SkippableFact]
    public void Request_WhileAnotherThreadAsks_BothGetTheirOwnAnswers()
    {
        using var space = TestNamespace.Create();
        using var route = space.Run(RouteSocket.Open);
        route.CreateLink("nbt0", "bridge");
        route.CreateLink("nbt1", "bridge");

        Parallel.For(0, 400, i => Assert.Equal($"nbt{i % 2}", route.FindLink($"nbt{i % 2}")?.Name));
    }

    private static string HostLinks()
        => string.Join(' ', System.Net.NetworkInformation.NetworkInterface.GetAllNetworkInterfaces().Select(n => n.Name));
}
