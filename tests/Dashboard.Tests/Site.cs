using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Usage;
using NetBird.WireGuard;

namespace Dashboard.Tests;

/// <summary>
/// A real control plane with its gateway over a rootless tunnel, in this process. Its state is written by the product's own
/// stores before it starts, so that it begins as one that has run for a month.
/// </summary>
internal sealed class Site : IAsyncDisposable
{
    /// <summary>Every page that the navigation leads to.</summary>
    public static IReadOnlyList<string> Pages { get; } =
    [
        "/", "/usage", "/budgets", "/policies", "/providers", "/people", "/groups", "/peers", "/setup-keys", "/tokens", "/audit", "/settings", "/my-usage",
    ];

    private readonly ControlPlaneServer _server;
    private readonly string _state;

    private readonly bool _stays;

    private Site(ControlPlaneServer server, string state, bool stays)
    {
        (_server, _state, _stays) = (server, state, stays);
        Token = File.ReadAllText(Path.Combine(state, FirstToken.FileName)).Trim();
        Rest = new() { BaseAddress = server.Url };
        Rest.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Token " + Token);
    }

    public Uri Url => _server.Url;

    /// <summary>The owner's, for REST.</summary>
    public string Token { get; }

    /// <summary>REST as a script calls it.</summary>
    public HttpClient Rest { get; }

    public string State => _state;

    public IConfigurationStore Store => _server.Services.GetRequiredService<IConfigurationStore>();

    public IUsageLedger Ledger => _server.Services.GetRequiredService<IUsageLedger>();

    /// <param name="fill">What the account holds beside what every account has from the start.</param>
    /// <param name="rows">What it has metered; ordered by sequence.</param>
    /// <param name="state">A folder that is left as it is at the end; null: one that is removed.</param>
    /// <param name="postgres">Connection string of the database that has both; null: LiteDB.</param>
    /// <param name="port">Of the pages; 0: any.</param>
    /// <param name="time">What it takes for the time; null: the system's.</param>
    public static async Task<Site> StartAsync(
        Func<ConfigurationDraft, DateTimeOffset, bool>? fill = null, Func<DateTimeOffset, IEnumerable<JournalledRecord>>? rows = null,
        string? postgres = null, string? state = null, int port = 0, TimeProvider? time = null)
    {
        var stays = state is not null;
        state ??= Directory.CreateTempSubdirectory("netbird-dashboard-").FullName;
        Directory.CreateDirectory(state);
        var now = DateTimeOffset.UtcNow;
        if (fill is not null)
        {
            await using var account = postgres is null
                ? await AccountState.OpenAsync(state, clusterKey: null, TimeProvider.System, NullLoggerFactory.Instance, default)
                : await AccountState.OpenPostgresAsync(state, postgres, clusterKey: null, TimeProvider.System, NullLoggerFactory.Instance, default);
            await account.Configuration.CommitAsync(Actor.System, draft => fill(draft, now), default);
        }

        if (rows is not null)
        {
            await using var usage = postgres is null
                ? await UsageStore.OpenAsync(state, TimeProvider.System, NullLoggerFactory.Instance, default)
                : await UsageStore.OpenPostgresAsync(postgres, state, TimeProvider.System, NullLoggerFactory.Instance, default);
            foreach (var batch in rows(now).Chunk(50_000))
            {
                await usage.Ledger.AppendAsync(batch, default);
            }
        }

        var options = new ServeOptions
        {
            StateDirectory = state,
            Postgres = postgres,
            Http = new(IPAddress.Loopback, port),
            WireGuardPort = 0,
            Overlay = IPNetwork.Parse("100.64.0.0/16"),
            Tunnel = TunnelKind.Rootless,
            OwnTunnelNamespace = false,
            Management = true,
            Gateway = true,
            Drain = TimeSpan.FromSeconds(1),
        };
        return new(await ControlPlaneServer.StartAsync(options, time ?? TimeProvider.System, CancellationToken.None), state, stays);
    }

    public async Task<JsonElement> GetAsync(string path) => await Rest.GetFromJsonAsync<JsonElement>(path);

    public async Task<JsonElement> PostAsync(string path, object body)
    {
        using var response = await Rest.PostAsJsonAsync(path, body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"POST {path}: {(int)response.StatusCode} {text}");
        return JsonDocument.Parse(text).RootElement.Clone();
    }

    public async ValueTask DisposeAsync()
    {
        Rest.Dispose();
        await _server.StopAsync();
        await _server.DisposeAsync();
        if (!_stays)
        {
            Directory.Delete(_state, recursive: true);
        }
    }
}
