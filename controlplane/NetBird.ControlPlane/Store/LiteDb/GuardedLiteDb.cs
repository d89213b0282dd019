using LiteDB;

namespace NetBird.ControlPlane.Store.LiteDb;

/// <summary>A LiteDB file of this process that one thread at a time works on; what fails says which file it was.</summary>
internal sealed class GuardedLiteDb : IDisposable
{
    private readonly Lock _gate = new();

    private GuardedLiteDb(string path) => (Path, Database) = (path, LiteDbFile.Open(path));

    public string Path { get; }

    public LiteDatabase Database { get; }

    /// <exception cref="IOException">Another process holds the file, or it is damaged.</exception>
    public static GuardedLiteDb Open(string path) => new(path);

    /// <summary>Does <paramref name="work"/> while nobody else does any.</summary>
    /// <exception cref="IOException">The file cannot be used.</exception>
    public T Run<T>(Func<T> work)
    {
        lock (_gate)
        {
            try
            {
                return work();
            }
            catch (Exception failed) when (failed is LiteException or IOException or UnauthorizedAccessException or ObjectDisposedException)
            {
                throw new IOException($"{Path} cannot be used: {failed.Message}", failed);
            }
        }
    }

    public void Dispose() => Database.Dispose();
}
