using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>A <see cref="UsageQuery"/> as a condition on rows; every value is a parameter.</summary>
internal static class RowFilter
{
    /// <summary>Adds the parameters and gives the text behind <c>where</c>.</summary>
    public static string Apply(NpgsqlCommand command, UsageQuery query)
    {
        var conditions = Of(command, query);
        conditions.Add("position(lower({0}) in lower(coalesce(deny_text, ''))) > 0", query.Refusal);
        if (query.Allowed is { } allowed)
        {
            // As the index of refused rows has it.
            conditions.Add(allowed ? "deny_reason is null" : "deny_reason is not null");
        }

        return conditions.ToString();
    }

    /// <summary>As <see cref="Apply"/>, on <c>usage_refusals</c>: for a query that asks for words of refusals.</summary>
    public static string ApplyToRefusals(NpgsqlCommand command, UsageQuery query)
    {
        var conditions = Of(command, query);
        conditions.Add("position(lower({0}) in said) > 0", query.Refusal);
        if (query.Allowed is true)
        {
            conditions.Add("false");
        }

        return conditions.ToString();
    }

    private static Conditions Of(NpgsqlCommand command, UsageQuery query)
    {
        var conditions = new Conditions(command);
        conditions.Add("user_id = {0}", query.User?.Value);
        conditions.Add("{0} = any(group_ids)", query.Group?.Value);
        AddRoute(conditions, query);
        conditions.Add("session_id = {0}", query.Session);
        conditions.Add("begun >= {0}", query.From?.UtcTicks);
        conditions.Add("begun < {0}", query.To?.UtcTicks);
        return conditions;
    }

    /// <summary>Where requests went, by which policy and with which model: columns that rows, their sums by hour and the facets of sessions have in common.</summary>
    public static void AddRoute(Conditions conditions, UsageQuery query)
    {
        conditions.Add("provider_id = {0}", query.Provider?.Value);
        conditions.Add("policy_id = {0}", query.Policy?.Value);
        conditions.Add("model = {0}", query.Model);
    }
}
