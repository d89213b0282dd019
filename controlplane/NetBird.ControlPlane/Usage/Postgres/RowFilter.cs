using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>A <see cref="UsageQuery"/> as a condition on <c>usage_rows</c>; every value is a parameter.</summary>
internal static class RowFilter
{
    /// <summary>Adds the parameters and gives the text behind <c>where</c>.</summary>
    public static string Apply(NpgsqlCommand command, UsageQuery query)
    {
        var conditions = new List<string> { "true" };
        Add("user_id = {0}", query.User?.Value);
        Add("{0} = any(group_ids)", query.Group?.Value);
        Add("provider_id = {0}", query.Provider?.Value);
        Add("policy_id = {0}", query.Policy?.Value);
        Add("model = {0}", query.Model);
        Add("session_id = {0}", query.Session);
        Add("position(lower({0}) in lower(coalesce(deny_text, ''))) > 0", query.Refusal);
        Add("begun >= {0}", query.From?.UtcTicks);
        Add("begun < {0}", query.To?.UtcTicks);
        if (query.Allowed is { } allowed)
        {
            // As the index of refused rows has it.
            conditions.Add(allowed ? "deny_reason is null" : "deny_reason is not null");
        }

        return string.Join(" and ", conditions);

        void Add(string condition, object? value)
        {
            if (value is not null)
            {
                command.Parameters.AddWithValue(value);
                conditions.Add(condition.Replace("{0}", $"${command.Parameters.Count}", StringComparison.Ordinal));
            }
        }
    }
}
