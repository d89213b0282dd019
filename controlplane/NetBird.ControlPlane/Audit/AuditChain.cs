using System.Security.Cryptography;
using System.Text.Json;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Audit;

/// <summary>
/// Chains the audit log: the hash of an entry covers its own content and the hash before it, keyed with a secret beside
/// the store, so that whoever can write the database but not read the key cannot make a chain that verifies.
/// An edit breaks the entry's own hash, a cut or a swap the next one's, and a cut end the head kept beside the log.
/// </summary>
internal sealed class AuditChain(byte[] key)
{
    /// <summary>Gives an entry its place in the chain.</summary>
    public AuditEntry Link(AuditEntry entry, AuditHead after)
    {
        var linked = entry with { Sequence = after.Sequence + 1, PreviousHash = after.Hash, Hash = "" };
        return linked with { Hash = HashOf(linked) };
    }

    /// <summary>What is wrong with an entry that should follow <paramref name="previous"/>; null: nothing.</summary>
    public string? Check(AuditEntry entry, AuditHead previous)
    {
        if (entry.Sequence != previous.Sequence + 1)
        {
            return $"After entry {previous.Sequence} comes {entry.Sequence}: entries are missing or out of order.";
        }

        if (!string.Equals(entry.PreviousHash, previous.Hash, StringComparison.Ordinal))
        {
            return $"Entry {entry.Sequence} does not follow the one before it: that one was replaced or changed.";
        }

        return string.Equals(entry.Hash, HashOf(entry with { Hash = "" }), StringComparison.Ordinal)
            ? null
            : $"Entry {entry.Sequence} was changed after it was written.";
    }

    /// <summary>The entry's stored form with an empty hash is what is signed; property order is that of the record.</summary>
    private string HashOf(AuditEntry entry)
        => Convert.ToHexStringLower(HMACSHA256.HashData(key, JsonSerializer.SerializeToUtf8Bytes(entry, StoreJson.Options)));
}
