using System.Net;
using Benchmarks.Tunnel;

namespace Benchmarks.Gateway.Subjects;

/// <summary>
/// Claude apps gateway (`claude gateway`), with the PostgreSQL and the identity provider it needs, and one person signed in. It refuses
/// loopback addresses, so all of it stands on <see cref="Place.Reach"/> in a network namespace of its own.
/// </summary>
internal sealed class ClaudeGateway : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("netbird-bench-claude-").FullName;
    private readonly Place _place;
    private readonly int _port = Child.FreePort();
    private readonly int _database = Child.FreePort();
    private readonly int _issuer = Child.FreePort();
    private readonly string _program;
    private Child? _idp;
    private Child? _postgres;
    private Child? _gateway;
    private string? _token;

    private ClaudeGateway(Place place, string program) => (_place, _program) = (place, program);

    public Uri Url => _place.Url(_port);

    public Child Process => _gateway ?? throw new InvalidOperationException("Not started.");

    public IReadOnlyDictionary<string, string> Headers => new Dictionary<string, string> { ["authorization"] = "Bearer " + _token };

    private static string? NodeModules => Environment.GetEnvironmentVariable("NETBIRD_NODE_MODULES");

    private static string? PostgresBin => Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin")).LastOrDefault(bin => File.Exists(Path.Combine(bin, "initdb")))
        : null;

    /// <returns>What is missing on this machine, or null.</returns>
    public static string? Missing => Environment.UserName != "root" ? "it needs a network namespace, so root"
        : Environment.GetEnvironmentVariable("NETBIRD_CLAUDE") is not { } claude || !File.Exists(claude) ? "NETBIRD_CLAUDE names no Claude Code (tests/run.sh installs one)"
        : NodeModules is null || !Directory.Exists(Path.Combine(NodeModules, "oidc-provider")) ? "NETBIRD_NODE_MODULES has no oidc-provider (tests/run.sh installs it)"
        : PostgresBin is null ? "PostgreSQL is not installed"
        : !Child.IsInstalled("node") ? "Node.js is not installed"
        : null;

    public static async Task<ClaudeGateway> StartAsync(Place place)
    {
        var site = new ClaudeGateway(place, Environment.GetEnvironmentVariable("NETBIRD_CLAUDE")!);
        try
        {
            await site.StartDatabaseAsync();
            site._idp = await Child.StartAsync(
                new(place.Reach, site._issuer), "node", [Path.Combine(AppContext.BaseDirectory, "claude-idp.mjs"), $"{place.Reach}", $"{site._issuer}", site.Url.GetLeftPart(UriPartial.Authority)]);
            return site;
        }
        catch
        {
            site.Dispose();
            throw;
        }
    }

    /// <summary>Starts it, or starts it again, in front of another upstream.</summary>
    public async Task ServeAsync(Uri upstream)
    {
        _gateway?.Dispose();
        var config = Path.Combine(_folder, "gateway.yaml");
        await File.WriteAllTextAsync(config, $$"""
            listen: { host: {{_place.Reach}}, port: {{_port}}, public_url: "{{Url.GetLeftPart(UriPartial.Authority)}}" }
            oidc: { issuer: "http://{{_place.Reach}}:{{_issuer}}", client_id: gateway, client_secret: gateway-secret }
            session: { jwt_secret: "{{new string('s', 48)}}" }
            store: { postgres_url: "postgres://postgres@{{_place.Reach}}:{{_database}}/postgres" }
            upstreams:
              - { provider: anthropic, base_url: "{{upstream.GetLeftPart(UriPartial.Authority)}}", auth: { api_key: sk-ant-bench } }
            """);
        _gateway = await Child.StartAsync(new(_place.Reach, _port), _program, ["gateway", "--config", config], new()
        {
            ["HOME"] = _folder, ["IS_SANDBOX"] = "1", ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1",
        });
        _token ??= await DeviceSignIn.RunAsync(Url);
    }

    public void Dispose()
    {
        _gateway?.Dispose();
        _idp?.Dispose();
        _postgres?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>It refuses to run as root: as nobody.</summary>
    private async Task StartDatabaseAsync()
    {
        var bin = PostgresBin!;
        const string AsNobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups";
        var data = Path.Combine(_folder, "data");
        _ = Directory.CreateDirectory(data);
        _ = Tool.Run($"chmod 0711 {_folder}");
        _ = Tool.Run($"chown nobody {data}");
        _ = Tool.Run($"{AsNobody} {bin}/initdb -D {data} -A trust -U postgres -E UTF8 --no-sync");
        await File.AppendAllTextAsync(Path.Combine(data, "pg_hba.conf"), $"host all all {_place.Reach}/32 trust\n");
        _postgres = await Child.StartAsync(
            new(_place.Reach, _database), "setpriv",
            [.. AsNobody.Split(' ')[1..], $"{bin}/postgres", "-D", data, "-p", $"{_database}", "-c", $"listen_addresses={_place.Reach}", "-c", "unix_socket_directories="]);
    }
}
