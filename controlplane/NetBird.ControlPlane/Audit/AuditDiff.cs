using System.Text.Json.Nodes;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Audit;

/// <summary>Turns changed records into audit entries: only the fields that differ, and no secret.</summary>
internal static class AuditDiff
{
    // Fields that are secrets or their hashes, at any depth. What changed is shown, not to what.
    private static readonly HashSet<string> Secret = new(StringComparer.Ordinal)
    {
        "hash", "password_hash", "sealed", "sealed_totp_secret", "last_totp_step", "recovery_codes",
    };

    /// <summary>The entry for one changed record, not yet linked.</summary>
    public static AuditEntry Entry(Actor actor, DocumentChange change, DateTimeOffset now)
    {
        var before = Parse(change.Before);
        var after = Parse(change.After);
        if (before is not null && after is not null)
        {
            foreach (var name in before.Select(field => field.Key).Intersect(after.Select(field => field.Key)).ToList())
            {
                if (JsonNode.DeepEquals(before[name], after[name]))
                {
                    before.Remove(name);
                    after.Remove(name);
                }
            }
        }

        return new()
        {
            Sequence = 0,
            Timestamp = now,
            Actor = actor,
            Action = change.Kind + (change.Before, change.After) switch
            {
                (null, _) => ".add",
                (_, null) => ".delete",
                _ => ".update",
            },
            TargetKind = change.Kind,
            TargetId = change.Id,
            TargetName = change.Label,
            Before = Redact(before),
            After = Redact(after),
        };
    }

    /// <summary>The entry for a note, not yet linked.</summary>
    public static AuditEntry Entry(Actor actor, AuditNote note, DateTimeOffset now) => new()
    {
        Sequence = 0,
        Timestamp = now,
        Actor = actor,
        Action = note.Action,
        TargetKind = note.TargetKind,
        TargetId = note.TargetId,
        TargetName = note.TargetName,
        Detail = note.Detail,
    };

    private static JsonObject? Parse(string? json) => json is null ? null : JsonNode.Parse(json)?.AsObject();

    private static JsonObject? Redact(JsonObject? record)
    {
        if (record is not null)
        {
            RedactIn(record);
        }

        return record;
    }

    private static void RedactIn(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject fields:
                foreach (var name in fields.Select(field => field.Key).ToList())
                {
                    if (Secret.Contains(name))
                    {
                        fields[name] = "(secret)";
                    }
                    else
                    {
                        RedactIn(fields[name]);
                    }
                }

                break;
            case JsonArray items:
                foreach (var item in items)
                {
                    RedactIn(item);
                }

                break;
        }
    }
}
