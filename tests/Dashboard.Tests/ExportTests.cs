using System.Text.Json;
using Microsoft.Playwright;

namespace Dashboard.Tests;

/// <summary>What is downloaded is what the API answers to the same filter, row by row and field by field.</summary>
[Collection(InChromium.Name)]
public sealed class ExportTests(Chromium chromium)
{
    [SkippableTheory]
    [InlineData("JSON")]
    [InlineData("CSV")]
    public async Task Export_OfAFilter_EqualsTheApi(string format)
    {
        await using var tab = await chromium.SignInAsync(chromium.Acme, Company.Owner);
        await tab.GoAsync("/usage?range=Last%2030%20days&decision=denied");
        var link = tab.Page.GetByRole(AriaRole.Link, new() { Name = "Export " + format });
        var download = await tab.Page.RunAndWaitForDownloadAsync(() => link.ClickAsync());
        var filter = new Uri(chromium.Acme.Url, (await link.GetAttributeAsync("href"))!).Query.TrimStart('?');

        var expected = await AllAsync(filter.Replace("format=csv&", "", StringComparison.Ordinal).Replace("format=json&", "", StringComparison.Ordinal));
        var text = await File.ReadAllTextAsync((await download.PathAsync())!);

        Assert.True(expected.Count > 10, $"{expected.Count} refusals");
        if (format == "JSON")
        {
            Assert.Equal(expected.Select(row => row.GetRawText()), JsonDocument.Parse(text).RootElement.EnumerateArray().Select(row => row.GetRawText()));
        }
        else
        {
            var lines = text.TrimEnd().Split("\r\n");
            Assert.Equal(expected[0].EnumerateObject().Select(field => field.Name), lines[0].Split(','));
            Assert.Equal(expected.Count + 1, lines.Length);

            // Of nothing it has its columns all the same.
            var none = await tab.Page.Context.APIRequest.GetAsync(new Uri(chromium.Acme.Url, "/dashboard/export?format=csv&model=none").ToString());
            Assert.Equal(lines[0] + "\r\n", await none.TextAsync());
            Assert.Equal(expected.Select(row => row.EnumerateObject().Select(field => Cell(field.Value))), lines.Skip(1).Select(Cells));
        }
    }

    /// <summary>A field of the API as a cell holds it: lists by blanks, nothing for null, no formula for a spreadsheet.</summary>
    private static string Cell(JsonElement value)
    {
        var text = value.ValueKind switch
        {
            JsonValueKind.Null => "",
            JsonValueKind.Array => string.Join(' ', value.EnumerateArray().Select(one => one.GetString())),
            JsonValueKind.String => value.GetString()!, // a string is not null
            _ => value.GetRawText(),
        };
        return value.ValueKind is not JsonValueKind.Number && text.Length > 0 && "=+-@\t\r".Contains(text[0]) ? "'" + text : text;
    }

    /// <summary>RFC 4180 section 2, of one line: no cell here has a line break.</summary>
    private static IEnumerable<string> Cells(string line)
    {
        var cell = new System.Text.StringBuilder();
        var quoted = false;
        for (var i = 0; i < line.Length; i++)
        {
            if (line[i] == '"' && quoted && i + 1 < line.Length && line[i + 1] == '"')
            {
                cell.Append(line[i++]);
            }
            else if (line[i] == '"')
            {
                quoted = !quoted;
            }
            else if (line[i] == ',' && !quoted)
            {
                yield return cell.ToString();
                cell.Clear();
            }
            else
            {
                cell.Append(line[i]);
            }
        }

        yield return cell.ToString();
    }

    private async Task<List<JsonElement>> AllAsync(string filter)
    {
        var rows = new List<JsonElement>();
        for (var page = 1; ; page++)
        {
            var answer = await chromium.Acme.GetAsync($"/api/agent-network/access-logs?{filter}&page={page}&page_size=500");
            rows.AddRange(answer.GetProperty("data").EnumerateArray());
            if (rows.Count >= answer.GetProperty("total_records").GetInt64())
            {
                return rows;
            }
        }
    }
}
