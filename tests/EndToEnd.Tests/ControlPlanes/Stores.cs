using NetBird.ControlPlane.Tests.Store;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>Where a control plane keeps its account: LiteDB in the state directory, or PostgreSQL.</summary>
internal static class Stores
{
    /// <summary>Environment of a control plane over a fresh database; empty for LiteDB. Skips where there is no PostgreSQL.</summary>
    public static async Task<Dictionary<string, string?>> EnvironmentAsync(PostgresCluster cluster, bool postgres)
    {
        Skip.If(postgres && cluster.Missing is not null, cluster.Missing);
        return postgres ? new() { ["NETBIRD_CP_POSTGRES"] = await cluster.CreateDatabaseAsync() } : [];
    }
}
