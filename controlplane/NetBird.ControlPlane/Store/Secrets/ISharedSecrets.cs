namespace NetBird.ControlPlane.Store.Secrets;

/// <summary>
/// Small secrets that every process over one store needs alike: the key ring, the audit log's key, the embedded IdP's
/// keys. Sealed files of the state directory, or sealed rows beside the configuration in PostgreSQL. Synchronous: Data Protection
/// asks for its key ring so, and everyone else asks once, at the start.
/// </summary>
internal interface ISharedSecrets
{
    /// <summary>Names in a folder, such as <c>keys/audit.key</c> in <c>keys</c>, in ordinal order.</summary>
    IReadOnlyList<string> Names(string folder);

    /// <summary>The secret, or null.</summary>
    byte[]? Find(string name);

    /// <summary>What is stored under the name; where nothing is, what <paramref name="make"/> makes is stored first. Of several processes one makes it.</summary>
    byte[] GetOrAdd(string name, Func<byte[]> make);

    /// <summary>Does nothing where there is none.</summary>
    void Remove(string name);
}
