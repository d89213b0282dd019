using NetBird.ControlPlane.Tests.Store;

namespace NetBird.ControlPlane.Tests.Identity;

/// <summary>The same logins with everything in PostgreSQL.</summary>
public sealed class EmbeddedIdpOnPostgresTests(PostgresCluster cluster) : EmbeddedIdpTests, IClassFixture<PostgresCluster>
{
    private protected override Task<RunningControlPlane> StartAsync() => RunningControlPlane.StartOnAsync(cluster);
}
