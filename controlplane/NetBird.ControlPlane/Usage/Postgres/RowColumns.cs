using System.Collections.Immutable;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;
using Npgsql;
using NpgsqlTypes;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>A row of <c>usage_rows</c>, column by column, in one order for writing and reading.</summary>
internal static class RowColumns
{
    public const string Names =
        "id, begun, ended, user_id, user_name, peer_id, group_ids, charged_group, policy_id, provider_id, kind, model, session_id, agent_id, "
        + "deny_reason, deny_text, status_code, first_byte, stream, input, output, cache_read, cache_write_5m, cache_write_1h, web_searches, "
        + "code_executions, tier, fast, in_us, cost, price_unknown, completeness, provider_request_id, request_bytes, response_bytes, key_id";

    public static async Task WriteAsync(NpgsqlBinaryImporter copy, UsageRecord row, CancellationToken cancellationToken)
    {
        await copy.StartRowAsync(cancellationToken);
        await Text(row.Id.Value);
        await Long(row.Timestamp.UtcTicks);
        await Long((row.Timestamp + row.Duration).UtcTicks);
        await Text(row.User?.Value);
        await Text(row.UserName);
        await Text(row.Peer?.Value);
        await copy.WriteAsync(row.Groups.Select(group => group.Value).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text, cancellationToken);
        await Text(row.ChargedGroup?.Value);
        await Text(row.Policy?.Value);
        await Text(row.Provider?.Value);
        await Short((int)row.Kind);
        await Text(row.Model);
        await Text(row.SessionId);
        await Text(row.AgentId);
        await Short((int?)row.DenyReason);
        await Text(row.DenyText);
        await copy.WriteAsync(row.StatusCode, NpgsqlDbType.Integer, cancellationToken);
        await (row.TimeToFirstByte is { } first ? Long(first.Ticks) : copy.WriteNullAsync(cancellationToken));
        await Flag(row.Stream);
        await Long(row.Usage.Tokens.Input);
        await Long(row.Usage.Tokens.Output);
        await Long(row.Usage.Tokens.CacheRead);
        await Long(row.Usage.Tokens.CacheWrite5m);
        await Long(row.Usage.Tokens.CacheWrite1h);
        await copy.WriteAsync(row.Usage.WebSearchRequests, NpgsqlDbType.Integer, cancellationToken);
        await copy.WriteAsync(row.Usage.CodeExecutionRequests, NpgsqlDbType.Integer, cancellationToken);
        await Short((int)row.Usage.Tier);
        await Flag(row.Usage.Fast);
        await Flag(row.Usage.InferenceInUs);
        await Long(row.Cost.Value);
        await Flag(row.PriceUnknown);
        await Short((int)row.Completeness);
        await Text(row.ProviderRequestId);
        await Long(row.RequestBytes);
        await Long(row.ResponseBytes);
        await Text(row.KeyId);

        // PostgreSQL's text has no place for a zero character; nothing we keep means anything with one.
        Task Text(string? value) => value is null
            ? copy.WriteNullAsync(cancellationToken)
            : copy.WriteAsync(value.Replace("\0", "", StringComparison.Ordinal), NpgsqlDbType.Text, cancellationToken);
        Task Long(long value) => copy.WriteAsync(value, NpgsqlDbType.Bigint, cancellationToken);
        Task Short(int? value) => value is { } number
            ? copy.WriteAsync((short)number, NpgsqlDbType.Smallint, cancellationToken)
            : copy.WriteNullAsync(cancellationToken);
        Task Flag(bool value) => copy.WriteAsync(value, NpgsqlDbType.Boolean, cancellationToken);
    }

    public static UsageRecord Read(NpgsqlDataReader reader)
    {
        var begun = reader.GetInt64(1);
        return new()
        {
            Id = new(reader.GetString(0)),
            Timestamp = new(begun, TimeSpan.Zero),
            Duration = new(reader.GetInt64(2) - begun),
            User = Text(3) is { } user ? new UserId(user) : null,
            UserName = reader.GetString(4),
            Peer = Text(5) is { } peer ? new PeerId(peer) : null,
            Groups = [.. reader.GetFieldValue<string[]>(6).Select(group => new GroupId(group))],
            ChargedGroup = Text(7) is { } charged ? new GroupId(charged) : null,
            Policy = Text(8) is { } policy ? new PolicyId(policy) : null,
            Provider = Text(9) is { } provider ? new ProviderId(provider) : null,
            Kind = (RequestKind)reader.GetInt16(10),
            Model = reader.GetString(11),
            SessionId = Text(12),
            AgentId = Text(13),
            DenyReason = reader.IsDBNull(14) ? null : (DenyReason)reader.GetInt16(14),
            DenyText = Text(15),
            StatusCode = reader.GetInt32(16),
            TimeToFirstByte = reader.IsDBNull(17) ? null : new TimeSpan(reader.GetInt64(17)),
            Stream = reader.GetBoolean(18),
            Usage = new(
                new(reader.GetInt64(19), reader.GetInt64(20), reader.GetInt64(21), reader.GetInt64(22), reader.GetInt64(23)),
                reader.GetInt32(24),
                (ServiceTier)reader.GetInt16(26),
                reader.GetBoolean(27),
                reader.GetBoolean(28),
                reader.GetInt32(25)),
            Cost = new(reader.GetInt64(29)),
            PriceUnknown = reader.GetBoolean(30),
            Completeness = (Completeness)reader.GetInt16(31),
            ProviderRequestId = Text(32),
            RequestBytes = reader.GetInt64(33),
            ResponseBytes = reader.GetInt64(34),
            KeyId = Text(35),
        };

        string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
    }
}
