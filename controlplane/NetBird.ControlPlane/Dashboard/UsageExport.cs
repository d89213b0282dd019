using System.Globalization;
using System.Text;
using System.Text.Json;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard;

/// <summary>Exactly the filtered rows, as CSV or JSON lines in one array, written as they are read: memory does not grow.</summary>
internal static class UsageExport
{
    private static readonly string[] Columns =
    [
        "id", "timestamp", "user", "group", "policy", "provider", "model", "session_id", "decision", "status_code", "stream",
        "input_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "cache_read_tokens", "output_tokens", "cost_usd",
        "duration_ms", "completeness",
    ];

    public static void Map(IEndpointRouteBuilder routes)
        => routes.MapGet("/dashboard/export", WriteAsync).RequireAuthorization(DashboardAccess.Read);

    private static async Task WriteAsync(HttpContext http, IUsageLedger ledger, DisplayNames names)
    {
        var json = http.Request.Query["format"] == "json";
        var rows = ledger.EnumerateAsync(Query(http.Request.Query), http.RequestAborted);
        http.Response.ContentType = json ? "application/json" : "text/csv; charset=utf-8";
        http.Response.Headers.ContentDisposition = $"attachment; filename=usage.{(json ? "json" : "csv")}";
        await using var writer = new StreamWriter(http.Response.Body, new UTF8Encoding(false), leaveOpen: true);
        await writer.WriteAsync(json ? "[" : string.Join(',', Columns) + "\r\n");
        var first = true;
        await foreach (var row in rows)
        {
            var values = Values(row, names);
            await writer.WriteAsync(json
                ? (first ? "\n" : ",\n") + JsonSerializer.Serialize(Columns.Zip(values).ToDictionary(pair => pair.First, pair => pair.Second))
                : string.Join(',', values.Select(Cell)) + "\r\n");
            first = false;
        }

        await writer.WriteAsync(json ? "\n]\n" : "");
    }

    private static UsageQuery Query(IQueryCollection query) => new()
    {
        From = Time(query["from"]),
        To = Time(query["to"]),
        User = UserId.TryParse(query["user"], out var user) ? user : null,
        Group = GroupId.TryParse(query["group"], out var group) ? group : null,
        Model = Text(query["model"]),
        Session = Text(query["session"]),
        Allowed = (string?)query["decision"] switch { "allowed" => true, "denied" => false, _ => null },
    };

    private static string? Text(string? value) => string.IsNullOrEmpty(value) ? null : value;

    private static DateTimeOffset? Time(string? value)
        => DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    private static object?[] Values(UsageRecord row, DisplayNames names) =>
    [
        row.Id.Value, row.Timestamp.UtcDateTime.ToString("o", CultureInfo.InvariantCulture), names.User(row.User), names.Group(row.ChargedGroup),
        names.Policy(row.Policy), names.Provider(row.Provider), row.Model, row.SessionId,
        row.DenyReason is { } reason ? "denied: " + reason : "allowed", row.StatusCode, row.Stream,
        row.Usage.Tokens.Input, row.Usage.Tokens.CacheWrite5m, row.Usage.Tokens.CacheWrite1h, row.Usage.Tokens.CacheRead,
        row.Usage.Tokens.Output, row.Cost.ToUsd(), (long)row.Duration.TotalMilliseconds, row.Completeness.ToString(),
    ];

    /// <summary>RFC 4180; a leading character that a spreadsheet would take for a formula is quoted with an apostrophe.</summary>
    private static string Cell(object? value)
    {
        var text = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        if (value is string && text is [('=' or '+' or '-' or '@' or '\t' or '\r'), ..])
        {
            text = "'" + text;
        }

        return text.AsSpan().IndexOfAny("\",\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
