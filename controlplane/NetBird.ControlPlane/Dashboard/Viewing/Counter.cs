using System.Text.Json;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>A counter as <c>GET /api/agent-network/consumption</c> tells it.</summary>
public sealed record Counter(
    string Source, string Subject, bool IsMoney, long Used, long Reserved, long Limit, TimeSpan Window, bool Strict, DateTimeOffset? FreesUpAt)
{
    /// <summary>How full it is, 0 to 1 and above.</summary>
    public decimal Fullness => Limit <= 0 ? 0 : (decimal)(Used + Reserved) / Limit;

    public string Text(long value) => IsMoney ? Figures.Usd(new NanoUsd(value)) : Figures.Count(value);

    /// <summary>The fullest first.</summary>
    internal static List<Counter> ReadAll(JsonElement body, DisplayNames names)
    {
        var rows = body.ValueKind == JsonValueKind.Array ? body : body.GetProperty("data");
        return [.. rows.EnumerateArray().Select(row => Read(row, names)).OrderByDescending(counter => counter.Fullness)];
    }

    private static Counter Read(JsonElement row, DisplayNames names)
    {
        var money = Text(row, "unit") is "usd" or "nano_usd";
        var subject = Text(row, "subject_id");
        return new(
            Text(row, "source_name"),
            Text(row, "scope") switch
            {
                "user" => names.User(new UserId(subject)),
                "group" => "group " + names.Group(new GroupId(subject)),
                _ => "everyone",
            },
            money,
            Amount(row, "used", money),
            Amount(row, "reserved", money),
            Amount(row, "cap", money),
            TimeSpan.FromSeconds(row.GetProperty("window_seconds").GetInt64()),
            row.TryGetProperty("strict", out var strict) && strict.ValueKind == JsonValueKind.True,
            row.TryGetProperty("frees_up_at", out var at) && at.ValueKind == JsonValueKind.String ? at.GetDateTimeOffset() : null);
    }

    private static string Text(JsonElement row, string name)
        => row.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static long Amount(JsonElement row, string name, bool money)
    {
        var value = row.GetProperty(name).GetDecimal();
        return money && NanoUsd.TryFromUsd(value, out var amount) ? amount.Value : (long)value;
    }
}
