using System.Net;
using Microsoft.Extensions.DependencyInjection;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tests.Identity;
using NetBird.ControlPlane.Tests.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Tests;

/// <summary>A real control plane in this process: its own state directory, a free port, no gateway unless asked for.</summary>
internal sealed class RunningControlPlane : IAsyncDisposable
{
    public const string Password = Browser.Password;

    private ControlPlaneServer _server;
    private IPEndPoint? _endpoint;

    private RunningControlPlane(ServeOptions options, ControlPlaneServer server) => (Options, _server) = (options, server);

    public ServeOptions Options { get; }

    public Uri Url => _server.Url;

    public IServiceProvider Services => _server.Services;

    public IConfigurationStore Store => Services.GetRequiredService<IConfigurationStore>();

    public static async Task<RunningControlPlane> StartAsync(Func<ServeOptions, ServeOptions>? adjust = null)
    {
        var options = new ServeOptions
        {
            StateDirectory = Directory.CreateTempSubdirectory("netbird-cp-test-").FullName,
            Http = new(IPAddress.Loopback, 0),
            WireGuardPort = 0,
            Overlay = IPNetwork.Parse("100.64.0.0/16"),
            Tunnel = TunnelKind.Auto,
            OwnTunnelNamespace = true,
            Management = true,
            Gateway = false,
            Drain = TimeSpan.FromSeconds(1),
        };
        options = adjust is null ? options : adjust(options);
        try
        {
            return new(options, await ControlPlaneServer.StartAsync(options, TimeProvider.System, CancellationToken.None));
        }
        catch
        {
            Directory.Delete(options.StateDirectory, recursive: true);
            throw;
        }
    }

    /// <summary>With everything in a fresh database; the test is skipped where there is no PostgreSQL.</summary>
    public static async Task<RunningControlPlane> StartOnAsync(PostgresCluster cluster, Func<ServeOptions, ServeOptions>? adjust = null)
    {
        Skip.If(cluster.Missing is not null, cluster.Missing);
        var database = await cluster.CreateDatabaseAsync();
        return await StartAsync(options => (adjust?.Invoke(options) ?? options) with { Postgres = database });
    }

    public async Task StopAsync()
    {
        _endpoint = new(IPAddress.Loopback, Url.Port);
        await _server.StopAsync();
        await _server.DisposeAsync();
    }

    /// <summary>After <see cref="StopAsync"/>: over the same state directory, at the same address, with other options.</summary>
    public async Task StartAgainAsync(Func<ServeOptions, ServeOptions> adjust)
        => _server = await ControlPlaneServer.StartAsync(adjust(Options) with { Http = _endpoint! }, TimeProvider.System, CancellationToken.None);

    /// <summary>Stops and starts over the same state, at the same address.</summary>
    public async Task RestartAsync()
    {
        var endpoint = new IPEndPoint(IPAddress.Loopback, Url.Port);
        await _server.StopAsync();
        await _server.DisposeAsync();
        _server = await ControlPlaneServer.StartAsync(Options with { Http = endpoint }, TimeProvider.System, CancellationToken.None);
    }

    /// <summary>A person of the embedded IdP with <see cref="Password"/>.</summary>
    public Task<User> AddPersonAsync(string email, bool mustChange = false, params GroupId[] groups)
        => Store.CommitAsync(
            Actor.System,
            draft =>
            {
                var id = UserId.New();
                var user = new User
                {
                    Id = id,
                    Name = email.Split('@')[0],
                    Email = email,
                    Issuer = User.EmbeddedIssuer,
                    Subject = id.Value,
                    AutoGroups = [.. groups],
                    Credential = new() { PasswordHash = PasswordHashing.Hash(Password), MustChange = mustChange },
                };
                draft.Users.Put(user);
                return user;
            },
            CancellationToken.None);

    public Task ChangeAsync(User user, Func<User, User> change)
        => Store.CommitAsync(
            Actor.System,
            draft =>
            {
                draft.Users.Put(change(draft.Users[user.Id]));
                return true;
            },
            CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync();
        await _server.DisposeAsync();
        Directory.Delete(Options.StateDirectory, recursive: true);
    }
}
