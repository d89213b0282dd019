using NetBird.ControlPlane.Hosting;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Tests.Hosting;

public sealed class ServeOptionsReaderTests
{
    [Fact]
    public void Read_Nothing_GivesTheDefaults()
    {
        var options = Read(out var errors);
        Assert.Empty(errors);
        Assert.NotNull(options);
        Assert.Equal("127.0.0.1:8080", options.Http.ToString());
        Assert.Equal("100.64.0.0/16", options.Overlay.ToString());
        Assert.Equal((51820, TunnelKind.Auto, true), (options.WireGuardPort, options.Tunnel, options.OwnTunnelNamespace));
        Assert.True(options is { Management: true, Gateway: true, Oidc: null, Postgres: null, Tls: null });
    }

    [Theory]
    [InlineData("http", "0.0.0.0:8080", "from outside")]
    [InlineData("http", "[::]:8080", "from outside")]
    [InlineData("http", "10.0.0.1:8080", "from outside")]
    [InlineData("http", "127.0.0.1", "ADDRESS:PORT")]
    [InlineData("http", "example.com:80", "ADDRESS:PORT")]
    [InlineData("http", "127.0.0.1:", "ADDRESS:PORT")]
    [InlineData("http", "127.0.0.1:70000", "ADDRESS:PORT")]
    [InlineData("http", "[::1]", "ADDRESS:PORT")]
    [InlineData("tls-cert", "/nowhere/cert.pem", "--tls-key is missing")]
    [InlineData("tls-key", "/nowhere/key.pem", "--tls-cert is missing")]
    [InlineData("wireguard-port", "65536", "number from 0 to 65535")]
    [InlineData("wireguard-port", "-1", "number")]
    [InlineData("wireguard-endpoint", "vpn.example.com", "HOST:PORT")]
    [InlineData("wireguard-endpoint", ":51820", "HOST:PORT")]
    [InlineData("overlay", "100.64.0.1/16", "no bits")]
    [InlineData("overlay", "100.64.0.0/33", "no bits")]
    [InlineData("overlay", "100.64.0.0/30", "8 to 29")]
    [InlineData("overlay", "fd00::/64", "IPv4")]
    [InlineData("overlay", "office", "not a network")]
    [InlineData("tunnel", "wireguard", "none of auto, kernel, userspace, rootless, external")]
    [InlineData("tunnel", "external", "--tunnel-interface is missing")]
    [InlineData("tunnel-interface", "wg0", "is for --tunnel external")]
    [InlineData("tunnel-namespace", "/run/netns/wg", "is for --tunnel external")]
    [InlineData("tunnel-namespace", "mine", "none of own, host")]
    [InlineData("postgres", "Host=db;Nonsense=1", "connection string")]
    [InlineData("oidc-issuer", "https://idp.example.com", "--oidc-client-id is missing")]
    [InlineData("oidc-client-id", "netbird", "--oidc-issuer is missing")]
    [InlineData("public-url", "http://netbird.example.com", "not a URL")]
    [InlineData("public-url", "https://netbird.example.com/path", "not a URL")]
    [InlineData("roles", "management", "share a database")]
    [InlineData("roles", "admin", "'management'")]
    [InlineData("drain-seconds", "x", "number")]
    public void Read_WrongValue_SaysWhatIsRight(string option, string value, string expected)
    {
        Assert.Null(Read(out var errors, (option, value)));
        Assert.Contains(expected, Assert.Single(errors), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_AnotherProgramsInterface_IsInTheHostsNamespaceUnlessAFileIsNamed()
    {
        var host = Read(out var errors, ("tunnel", "external"), ("tunnel-interface", "wg0"));
        Assert.Empty(errors);
        Assert.Equal((TunnelKind.External, "wg0", null), (host!.Tunnel, host.TunnelInterface, host.TunnelNamespacePath));

        var named = Read(out errors, ("tunnel", "external"), ("tunnel-interface", "wg0"), ("tunnel-namespace", "/run/netns/wg"));
        Assert.Empty(errors);
        Assert.Equal("/run/netns/wg", named!.TunnelNamespacePath);

        Read(out errors, ("tunnel", "external"), ("tunnel-interface", "wg0"), ("tunnel-namespace", "own"));
        Assert.Contains("cannot be own", Assert.Single(errors), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_SeveralMistakes_NamesThemAll()
    {
        Read(out var errors, ("http", "nowhere"), ("overlay", "nowhere"), ("tunnel", "nowhere"), ("wireguard-port", "nowhere"));
        Assert.Equal(4, errors.Count);
    }

    [Fact]
    public void Read_BadConnectionString_DoesNotRepeatIt()
    {
        Read(out var errors, ("postgres", "Host=db;Pasword=hunter2"));
        Assert.DoesNotContain("hunter2", Assert.Single(errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://idp.example.com/tenant/v2.0")]
    [InlineData("http://127.0.0.1:3000")]
    public void Read_Issuer_IsTaken(string issuer)
    {
        var options = Read(out _, ("oidc-issuer", issuer), ("oidc-client-id", "netbird"));
        Assert.Equal(("netbird", "groups"), (options?.Oidc?.ClientId, options?.Oidc?.GroupsClaim));
    }

    private static ServeOptions? Read(out IReadOnlyList<string> errors, params (string Name, string Value)[] given)
    {
        var values = given.ToDictionary(pair => pair.Name, pair => pair.Value);
        var reader = new ServeOptionsReader(name => values.GetValueOrDefault(name));
        var options = reader.Read();
        errors = reader.Errors;
        return options;
    }
}
