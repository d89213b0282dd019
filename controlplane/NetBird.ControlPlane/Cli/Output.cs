using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Cli;

/// <summary>Results on standard output: a table for people, <c>--json</c> or <c>--csv</c> for programs.</summary>
internal sealed class Output
{
    /// <summary>Letters of any language and the + of a time as they are; control characters are escaped here too.</summary>
    public static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static readonly JsonSerializerOptions Indented = new(Plain) { WriteIndented = true };

    private readonly Option<bool> _json = new("--json") { Description = "As JSON." };

    private readonly Option<bool> _csv = new("--csv") { Description = "As CSV (RFC 4180)." };

    public void AddTo(Command command, bool csv = true)
    {
        command.Add(_json);
        if (csv)
        {
            command.Add(_csv);
        }
    }

    public bool IsJson(ParseResult parsed) => parsed.GetValue(_json);

    /// <summary>Writes rows.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="json">What <c>--json</c> prints.</param>
    /// <param name="columns">Title and content of each column.</param>
    /// <param name="rows">The rows.</param>
    public void Write(ParseResult parsed, JsonNode json, IReadOnlyList<Column> columns, IReadOnlyList<JsonObject> rows)
    {
        var writer = parsed.InvocationConfiguration.Output;
        if (parsed.GetValue(_json))
        {
            writer.WriteLine(json.ToJsonString(Indented));
        }
        else if (parsed.GetValue(_csv))
        {
            WriteCsv(writer, columns, rows);
        }
        else
        {
            WriteTable(writer, columns, rows);
        }
    }

    /// <summary>Writes rows, which are also what <c>--json</c> prints.</summary>
    public void Write(ParseResult parsed, IReadOnlyList<Column> columns, IReadOnlyList<JsonObject> rows)
        => Write(parsed, new JsonArray([.. rows.Select(row => row.DeepClone())]), columns, rows);

    /// <summary>Writes one record: <paramref name="text"/> for people.</summary>
    public void Write(ParseResult parsed, JsonNode json, string text)
        => parsed.InvocationConfiguration.Output.WriteLine(IsJson(parsed) ? json.ToJsonString(Indented) : text);

    private static void WriteTable(TextWriter writer, IReadOnlyList<Column> columns, IReadOnlyList<JsonObject> rows)
    {
        var cells = rows.Select(row => columns.Select(column => Printable(column.Text(row))).ToArray()).ToList();
        var widths = columns.Select((column, i) => cells.Select(row => row[i].Length).Append(column.Title.Length).Max()).ToArray();
        writer.WriteLine(Line(columns.Select(column => column.Title).ToArray()));
        foreach (var row in cells)
        {
            writer.WriteLine(Line(row));
        }

        string Line(string[] row) => string.Join("  ", row.Select((cell, i)
            => columns[i].Right ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]))).TrimEnd();
    }

    private static void WriteCsv(TextWriter writer, IReadOnlyList<Column> columns, IReadOnlyList<JsonObject> rows)
    {
        writer.Write(string.Join(',', columns.Select(column => column.Name)) + "\r\n");
        foreach (var row in rows)
        {
            writer.Write(string.Join(',', columns.Select(column => Quote(column.Text(row)))) + "\r\n");
        }
    }

    // Names are other people's text: what a terminal would act on is shown as '?'.
    private static string Printable(string text)
        => text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? '?' : c)) : text;

    // A spreadsheet takes a leading '=' and its like for a formula.
    private static string Quote(string text)
    {
        if (text is [('=' or '+' or '@' or '\t' or '\r'), ..] or ['-', not (>= '0' and <= '9'), ..])
        {
            text = "'" + text;
        }

        return text.AsSpan().IndexOfAny("\",\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}

/// <summary>A column of a table.</summary>
/// <param name="Title">Heading.</param>
/// <param name="Name">Name in CSV.</param>
/// <param name="Text">Cell of a row.</param>
/// <param name="Right">Numbers stand to the right.</param>
internal sealed record Column(string Title, string Name, Func<JsonObject, string> Text, bool Right = false)
{
    /// <summary>A field as it is.</summary>
    public static Column Field(string title, string name) => new(title, name, row => Show(row[name]));

    /// <summary>A number.</summary>
    public static Column Number(string title, string name) => new(title, name, row => Show(row[name]), Right: true);

    /// <summary>A time, to the second, in UTC.</summary>
    public static Column Time(string title, string name) => new(title, name, row
        => DateTimeOffset.TryParse(Show(row[name]), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) : "");

    public static string Show(JsonNode? node) => node switch
    {
        null => "",
        JsonArray items => string.Join(' ', items.Select(Show)),
        JsonObject named => Show(named["name"] ?? named["id"]),
        _ => node.ToString(),
    };
}
