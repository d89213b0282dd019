using System.Globalization;
using System.Net;
using NetBird.ControlPlane.Identity.Directories;
using NetBird.WireGuard;
using Npgsql;

namespace NetBird.ControlPlane.Hosting;

/// <summary>
/// Makes <see cref="ServeOptions"/> of text, or the list of everything that is wrong with it, so that an operator
/// corrects a command line once and not once per mistake.
/// </summary>
internal sealed class ServeOptionsReader(Func<string, string?> read)
{
    private static readonly string[] OfIssuer =
    [
        "oidc-groups-claim", "oidc-client-secret-file", "oidc-directory", "oidc-directory-url", "oidc-directory-credentials", "oidc-directory-admin",
    ];

    private readonly List<string> _errors = [];

    public IReadOnlyList<string> Errors => _errors;

    /// <summary>Null when there are <see cref="Errors"/>.</summary>
    public ServeOptions? Read()
    {
        var http = ReadHttp();
        var tls = ReadTls();
        if (http is not null && tls is null && !IPAddress.IsLoopback(http.Address) && _errors.Count == 0)
        {
            Wrong("http", $"{http} can be reached from outside this machine: give --tls-cert and --tls-key, or listen on 127.0.0.1");
        }

        var options = new ServeOptions
        {
            StateDirectory = Path.GetFullPath(read("state-dir") ?? StateDirectory.Default()),
            Http = http ?? new IPEndPoint(IPAddress.Loopback, 0),
            Tls = tls,
            PublicUrl = ReadUrl("public-url", tls is null),
            WireGuardPort = (int)ReadNumber("wireguard-port", 51820, 0, 65535),
            WireGuardEndpoint = ReadWireGuardEndpoint(),
            Overlay = ReadOverlay(),
            Tunnel = ReadChoice("tunnel", TunnelKind.Auto, ("auto", TunnelKind.Auto), ("kernel", TunnelKind.Kernel),
                ("userspace", TunnelKind.Userspace), ("rootless", TunnelKind.Rootless),
                ("external", TunnelKind.External)),
            OwnTunnelNamespace = NamespacePath() is null && ReadChoice("tunnel-namespace", true, ("own", true), ("host", false)),
            TunnelInterface = read("tunnel-interface"),
            TunnelNamespacePath = NamespacePath(),
            Postgres = ReadPostgres(),
            ClusterKey = read("cluster-key") is { } clusterKey ? Path.GetFullPath(clusterKey) : null,
            AuditFile = ReadAuditFile(),
            Oidc = ReadOidc(),
            Management = HasRole("management"),
            Gateway = HasRole("gateway"),
            OtlpEndpoint = ReadOtlp(),
            Log = new(
                ReadChoice("log-level", LogLevel.Information, ("trace", LogLevel.Trace), ("debug", LogLevel.Debug),
                    ("information", LogLevel.Information), ("warning", LogLevel.Warning), ("error", LogLevel.Error)),
                ReadChoice("log-format", false, ("text", false), ("json", true))),
            Drain = TimeSpan.FromSeconds(ReadNumber("drain-seconds", 4, 0, 3600)),
        };
        CheckTunnel(options);
        CheckRoles();
        return _errors.Count == 0 ? options : null;
    }

    private IPEndPoint? ReadHttp()
    {
        var text = read("http") ?? "127.0.0.1:8080";
        var colon = text.LastIndexOf(':');
        var host = colon < 0 ? "" : text[..colon];
        if (host == "localhost")
        {
            text = string.Concat("127.0.0.1", text.AsSpan(colon));
        }

        // IPEndPoint also takes an address alone, and then listens on port 0.
        if (colon > 0 && !text.EndsWith(']') && IPEndPoint.TryParse(text, out var endpoint) && host.Length > 0 && text[^1] != ':')
        {
            return endpoint;
        }

        Wrong("http", $"'{text}' is not ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080");
        return null;
    }

    private TlsFiles? ReadTls()
    {
        var (certificate, key) = (read("tls-cert"), read("tls-key"));
        if (certificate is null && key is null)
        {
            return null;
        }

        if (certificate is null || key is null)
        {
            Wrong(certificate is null ? "tls-cert" : "tls-key", "is missing: a certificate and its key are given together");
            return null;
        }

        var files = new TlsFiles(Path.GetFullPath(certificate), Path.GetFullPath(key));
        if (TlsCertificate.Problem(files) is { } problem)
        {
            Wrong("tls-cert", problem);
        }

        return files;
    }

    private Uri? ReadUrl(string name, bool loopbackHttp)
    {
        if (read(name) is not { } text)
        {
            return null;
        }

        if (Uri.TryCreate(text, UriKind.Absolute, out var url)
            && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback && loopbackHttp))
            && url is { Query: "", Fragment: "", UserInfo: "", AbsolutePath: "/" })
        {
            return url;
        }

        Wrong(name, $"'{text}' is not a URL such as https://netbird.example.com, without a path; http:// is for loopback alone");
        return null;
    }

    private string? ReadWireGuardEndpoint()
    {
        if (read("wireguard-endpoint") is not { } text)
        {
            return null;
        }

        var colon = text.LastIndexOf(':');
        if (colon > 0
            && Uri.CheckHostName(text[..colon].Trim('[', ']')) != UriHostNameType.Unknown
            && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0)
        {
            return text;
        }

        Wrong("wireguard-endpoint", $"'{text}' is not HOST:PORT, such as vpn.example.com:51820");
        return null;
    }

    private IPNetwork ReadOverlay()
    {
        var text = read("overlay") ?? "100.64.0.0/16";

        // .NET 10 masks bits past the prefix away; somebody who wrote them meant something else.
        if (!IPNetwork.TryParse(text, out var network) || !text.StartsWith(network.BaseAddress + "/", StringComparison.Ordinal))
        {
            Wrong("overlay", $"'{text}' is not a network such as 100.64.0.0/16 (no bits may be set past the prefix)");
        }
        else if (network.BaseAddress.AddressFamily != System.Net.Sockets.AddressFamily.InterNetwork || network.PrefixLength is < 8 or > 29)
        {
            Wrong("overlay", $"'{text}' is not an IPv4 network of 8 to 29 prefix bits");
        }

        return network;
    }

    private string? ReadPostgres()
    {
        if (read("postgres") is not { } text)
        {
            return null;
        }

        try
        {
            return new NpgsqlConnectionStringBuilder(text).ConnectionString;
        }
        catch (ArgumentException)
        {
            // The message would repeat parts of the text, and the text may hold a password.
            Wrong("postgres", "is not a connection string such as Host=db;Database=netbird;Username=netbird");
            return null;
        }
    }

    private string? ReadAuditFile()
    {
        if (read("audit-file") is not { } text)
        {
            return null;
        }

        var path = Path.GetFullPath(text);
        if (Directory.Exists(path) || !Directory.Exists(Path.GetDirectoryName(path)))
        {
            Wrong("audit-file", $"'{text}' is {(Directory.Exists(path) ? "a directory" : "in a directory that does not exist")}: name a file, such as /var/log/netbird-controlplane/audit.jsonl");
        }

        return path;
    }

    private ExternalIssuer? ReadOidc()
    {
        var (issuer, client) = (read("oidc-issuer"), read("oidc-client-id"));
        if (issuer is null && client is null)
        {
            // Ignored, they would leave the embedded IdP in place of the one that was meant.
            foreach (var option in OfIssuer.Where(option => read(option) is not null))
            {
                Wrong(option, "is for an IdP of your own: give --oidc-issuer and --oidc-client-id as well");
            }

            return null;
        }

        if (issuer is null || client is null)
        {
            Wrong(issuer is null ? "oidc-issuer" : "oidc-client-id", "is missing: issuer and client id are given together");
            return null;
        }

        if (!Uri.TryCreate(issuer, UriKind.Absolute, out var url)
            || !(url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback))
            || url is not { Query: "", Fragment: "", UserInfo: "" })
        {
            Wrong("oidc-issuer", $"'{issuer}' is not an https:// URL");
            return null;
        }

        var secret = read("oidc-client-secret-file");
        if (secret is not null && !File.Exists(secret))
        {
            Wrong("oidc-client-secret-file", $"'{secret}' does not exist");
        }

        return new(url, client, read("oidc-groups-claim") ?? "groups", secret) { Directory = ReadDirectory(secret) };
    }

    private ExternalDirectory? ReadDirectory(string? clientSecret)
    {
        if (read("oidc-directory") is null)
        {
            return null;
        }

        var kind = ReadChoice("oidc-directory", DirectoryKind.Entra, ("entra", DirectoryKind.Entra), ("google", DirectoryKind.Google));
        var url = read("oidc-directory-url") is { } text
            ? Uri.TryCreate(text, UriKind.Absolute, out var given) && (given.Scheme == Uri.UriSchemeHttps || given.IsLoopback) ? given : null
            : ExternalDirectory.UsualUrl(kind);
        if (url is null)
        {
            Wrong("oidc-directory-url", "is not an https:// URL");
        }

        var credentials = read("oidc-directory-credentials");
        if (kind == DirectoryKind.Entra && clientSecret is null)
        {
            Wrong("oidc-client-secret-file", "is missing: Microsoft Graph is asked with the client's secret");
        }

        if (kind == DirectoryKind.Google && (credentials is null || !File.Exists(credentials)))
        {
            Wrong("oidc-directory-credentials", "names no file: give the service account's JSON file");
        }

        if (kind == DirectoryKind.Google && read("oidc-directory-admin") is null)
        {
            Wrong("oidc-directory-admin", "is missing: the service account stands in for an administrator of the domain");
        }

        return new(kind, url ?? ExternalDirectory.UsualUrl(kind), credentials, read("oidc-directory-admin") ?? "");
    }

    /// <summary>Another program's interface may be in a namespace that a file names; ours may not.</summary>
    private string? NamespacePath() => read("tunnel-namespace") is { } text && text.Contains('/') ? text : null;

    private void CheckTunnel(ServeOptions options)
    {
        if (options.Tunnel == TunnelKind.External)
        {
            if (options.TunnelInterface is null)
            {
                Wrong("tunnel-interface", "is missing: --tunnel external needs the name of the interface that the other program runs, such as wg0");
            }

            if (read("tunnel-namespace") is "own")
            {
                Wrong("tunnel-namespace", "cannot be own with --tunnel external: say host, or the namespace's file, such as /run/netns/NAME");
            }
        }
        else if (options.TunnelInterface is not null)
        {
            Wrong("tunnel-interface", "is for --tunnel external: an interface of ours has a name of its own");
        }
        else if (options.TunnelNamespacePath is not null)
        {
            Wrong("tunnel-namespace", $"'{options.TunnelNamespacePath}' is for --tunnel external; an interface of ours lives in own or host");
        }
    }

    private Uri? ReadOtlp()
    {
        if (read("otlp-endpoint") is not { } text)
        {
            return null;
        }

        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp)
            && url is { Query: "", Fragment: "", UserInfo: "" })
        {
            return url;
        }

        Wrong("otlp-endpoint", $"'{text}' is not a URL such as http://127.0.0.1:4318");
        return null;
    }

    private bool HasRole(string role) => Roles().Contains(role);

    private string[] Roles()
        => (read("roles") ?? "management,gateway").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private void CheckRoles()
    {
        var roles = Roles();
        if (roles.Length == 0 || roles.Except(["management", "gateway"]).Any())
        {
            Wrong("roles", "is 'management', 'gateway' or both with a comma between");
        }
        else if (roles.Distinct().Count() == 1)
        {
            if (read("postgres") is null)
            {
                Wrong("roles", "of one node are both, unless several share a database: give --postgres as well");
            }

            if (roles[0] == "gateway" && read("wireguard-endpoint") is null)
            {
                // Agents reach the management node; what they dial here is for us to say.
                Wrong("wireguard-endpoint", "is missing: a gateway alone has to say what agents dial, such as gw1.example.com:51820");
            }
        }
    }

    private long ReadNumber(string name, long standard, long least, long most)
    {
        var text = read(name);
        if (text is null)
        {
            return standard;
        }

        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
        {
            return number;
        }

        Wrong(name, $"'{text}' is not a number from {least} to {most}");
        return standard;
    }

    private T ReadChoice<T>(string name, T standard, params ReadOnlySpan<(string Text, T Value)> choices)
    {
        var text = read(name);
        if (text is null)
        {
            return standard;
        }

        var names = new List<string>();
        foreach (var (choice, value) in choices)
        {
            if (choice == text)
            {
                return value;
            }

            names.Add(choice);
        }

        Wrong(name, $"'{text}' is none of {string.Join(", ", names)}");
        return standard;
    }

    private void Wrong(string option, string what) => _errors.Add($"--{option} {what}.");
}
