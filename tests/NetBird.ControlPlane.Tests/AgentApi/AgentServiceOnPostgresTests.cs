using NetBird.ControlPlane.Tests.Store;

namespace NetBird.ControlPlane.Tests.AgentApi;

/// <summary>The same calls with everything in PostgreSQL.</summary>
public sealed class AgentServiceOnPostgresTests(PostgresCluster cluster) : AgentServiceTests, IClassFixture<PostgresCluster>
{
    private protected override Task<RunningControlPlane> StartAsync() => RunningControlPlane.StartOnAsync(
        cluster, options => options with { Gateway = true, Tunnel = WireGuard.TunnelKind.Rootless });
}
