using System.Text;
using System.Text.Json;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard;

/// <summary>
/// Exactly the filtered rows, in the words of <c>access-logs</c>, as a JSON array or as CSV with the same names; written as they are
/// read, so memory does not grow with their number.
/// </summary>
internal static class UsageExport
{
    private const int FlushEvery = 64 * 1024;

    /// <summary>There where nothing matches, too: a spreadsheet or a script reads columns, not an empty file.</summary>
    private static readonly string Header = string.Join(',', AdminJson.Options.GetTypeInfo(typeof(AccessLogAnswer)).Properties.Select(column => column.Name)) + "\r\n";

    public static void Map(IEndpointRouteBuilder routes)
        => routes.MapGet("/dashboard/export", WriteAsync).RequireAuthorization(DashboardAccess.Read);

    private static async Task<IResult> WriteAsync(HttpContext http, IUsageLedger ledger, IConfigurationStore store)
    {
        var errors = new List<FormError>();
        var query = Query(http.Request.Query, errors);
        if (errors.Count > 0)
        {
            return Problems.Invalid(errors);
        }

        var json = http.Request.Query["format"] == "json";
        http.Response.ContentType = json ? "application/json" : "text/csv; charset=utf-8";
        http.Response.Headers.ContentDisposition = $"attachment; filename=usage.{(json ? "json" : "csv")}";
        http.Response.Headers.CacheControl = "no-store";
        var text = new StringBuilder(json ? "[" : Header);
        var first = true;
        await foreach (var row in ledger.EnumerateAsync(query, http.RequestAborted))
        {
            var answer = AccessLogAnswer.Of(store.Current, row);
            if (json)
            {
                text.Append(first ? "\n" : ",\n").Append(JsonSerializer.Serialize(answer, AdminJson.Options));
            }
            else
            {
                Append(text, JsonSerializer.SerializeToElement(answer, AdminJson.Options));
            }

            first = false;
            if (text.Length > FlushEvery)
            {
                await FlushAsync(http, text);
            }
        }

        text.Append(json ? "\n]\n" : "");
        await FlushAsync(http, text);
        return Results.Empty;
    }

    private static async Task FlushAsync(HttpContext http, StringBuilder text)
    {
        await http.Response.WriteAsync(text.ToString(), Encoding.UTF8, http.RequestAborted);
        text.Clear();
    }

    private static void Append(StringBuilder text, JsonElement row)
    {
        text.AppendJoin(',', row.EnumerateObject().Select(field => Cell(field.Value))).Append("\r\n");
    }

    /// <summary>RFC 4180; text that a spreadsheet would take for a formula begins with an apostrophe.</summary>
    private static string Cell(JsonElement value)
    {
        var text = value.ValueKind switch
        {
            JsonValueKind.Null => "",
            JsonValueKind.Array => string.Join(' ', value.EnumerateArray().Select(item => item.GetString())),
            JsonValueKind.String => value.GetString()!, // a string is not null
            _ => value.GetRawText(),
        };
        if (value.ValueKind is JsonValueKind.String or JsonValueKind.Array && text is [('=' or '+' or '-' or '@' or '\t' or '\r'), ..])
        {
            text = "'" + text;
        }

        return text.AsSpan().IndexOfAny("\",\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    private static UsageQuery Query(IQueryCollection fields, List<FormError> errors) => new()
    {
        From = QueryFields.Time(fields, "from", errors),
        To = QueryFields.Time(fields, "to", errors),
        User = QueryFields.Id<UserId>(fields, "user", errors),
        Group = QueryFields.Id<GroupId>(fields, "group", errors),
        Provider = QueryFields.Id<ProviderId>(fields, "provider", errors),
        Policy = QueryFields.Id<PolicyId>(fields, "policy", errors),
        Model = QueryFields.Text(fields, "model"),
        Session = QueryFields.Text(fields, "session"),
        Refusal = QueryFields.Text(fields, "refusal"),
        Allowed = QueryFields.Decision(fields, "decision", errors),
    };
}
