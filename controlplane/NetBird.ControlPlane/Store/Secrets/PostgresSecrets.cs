using Npgsql;
using NpgsqlTypes;

namespace NetBird.ControlPlane.Store.Secrets;

/// <summary>Secrets as rows of PostgreSQL, each sealed under the <see cref="ClusterKey"/>.</summary>
internal sealed class PostgresSecrets : ISharedSecrets
{
    // Its content says nothing; that it can be opened says that the node has the right key.
    private const string Proof = "cluster/proof";

    private readonly NpgsqlDataSource _source;
    private readonly ClusterKey _key;

    private PostgresSecrets(NpgsqlDataSource source, ClusterKey key) => (_source, _key) = (source, key);

    /// <param name="source">The database, its tables made.</param>
    /// <param name="keyFile">The cluster key's file; made where neither it nor a sealed row exists.</param>
    /// <param name="description">Names the database in refusals.</param>
    /// <exception cref="InvalidDataException">The database is sealed with another key; the message says what to copy.</exception>
    public static PostgresSecrets Open(NpgsqlDataSource source, string keyFile, string description)
    {
        var key = ClusterKey.Read(keyFile);
        using (var command = source.CreateCommand("SELECT sealed FROM netbird_secrets WHERE name = $1"))
        {
            command.Parameters.AddWithValue(Proof);
            if (command.ExecuteScalar() is byte[] proof && key?.Open(Proof, proof) is null)
            {
                throw new InvalidDataException(key is null
                    ? $"{description} holds secrets of other nodes, and this node has not the key to them: copy {ClusterKey.FileName} of another node's state directory to {keyFile} (mode 0600), or name it with --cluster-key."
                    : $"{keyFile} does not open the secrets in {description}: it is another cluster's. Copy the file of a node that uses this database.");
            }
        }

        var secrets = new PostgresSecrets(source, key ?? ClusterKey.Create(keyFile));
        secrets.GetOrAdd(Proof, () => [1]);
        return secrets;
    }

    public IReadOnlyList<string> Names(string folder)
    {
        using var command = _source.CreateCommand("SELECT name FROM netbird_secrets WHERE starts_with(name, $1) ORDER BY name COLLATE \"C\"");
        command.Parameters.AddWithValue(folder + "/");
        using var reader = command.ExecuteReader();
        var names = new List<string>();
        while (reader.Read())
        {
            names.Add(reader.GetString(0));
        }

        return names;
    }

    public byte[]? Find(string name)
    {
        using var command = _source.CreateCommand("SELECT sealed FROM netbird_secrets WHERE name = $1");
        command.Parameters.AddWithValue(name);
        return command.ExecuteScalar() is byte[] whole
            ? _key.Open(name, whole) ?? throw new InvalidDataException($"The secret {name} in the database does not open: it was changed, or sealed with another cluster's key.")
            : null;
    }

    public byte[] GetOrAdd(string name, Func<byte[]> make)
    {
        if (Find(name) is { } known)
        {
            return known;
        }

        using var command = _source.CreateCommand("INSERT INTO netbird_secrets (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING");
        command.Parameters.AddWithValue(name);
        command.Parameters.Add(new() { Value = _key.Seal(name, make()), NpgsqlDbType = NpgsqlDbType.Bytea });
        command.ExecuteNonQuery();
        return Find(name) ?? throw new InvalidDataException($"The secret {name} was taken away while it was read.");
    }

    public void Remove(string name)
    {
        using var command = _source.CreateCommand("DELETE FROM netbird_secrets WHERE name = $1");
        command.Parameters.AddWithValue(name);
        command.ExecuteNonQuery();
    }
}
