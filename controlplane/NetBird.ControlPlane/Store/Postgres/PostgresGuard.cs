using Npgsql;

namespace NetBird.ControlPlane.Store.Postgres;

/// <summary>What becomes of the driver's failures at our edge: "cannot now" is an <see cref="IOException"/>, whoever asked.</summary>
internal static class PostgresGuard
{
    /// <summary>Failures that mean "cannot now": the caller refuses, and tries again later.</summary>
    public static bool IsUnreachable(Exception failed)
        => failed is NpgsqlException or TimeoutException or IOException or ObjectDisposedException or InvalidOperationException;

    /// <summary>The failure as callers get it.</summary>
    public static IOException Unreachable(Exception failed)
        => failed as IOException ?? new($"PostgreSQL cannot be used: {failed.Message}", failed);

    /// <summary>Does <paramref name="work"/>; what means "cannot now" comes out as an <see cref="IOException"/>.</summary>
    public static async ValueTask<T> RunAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception failed) when (IsUnreachable(failed))
        {
            throw Unreachable(failed);
        }
    }
}
