using LiteDB;
using NetBird.ControlPlane.Store.LiteDb;

namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>The file of issued records, closed with the container.</summary>
internal sealed class IssuedDatabase(string path) : IDisposable
{
    public string Path => path;

    public LiteDatabase Database { get; } = LiteDbFile.Open(path);

    public void Dispose() => Database.Dispose();
}
