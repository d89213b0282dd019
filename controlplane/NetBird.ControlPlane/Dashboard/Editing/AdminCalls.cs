using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.JSInterop;

namespace NetBird.ControlPlane.Dashboard.Editing;

/// <summary>
/// Changes and reads by the same REST calls that scripts make, sent by the viewer's own browser under their session: pages
/// have no way around validation, roles or the audit log.
/// </summary>
internal sealed class AdminCalls(IJSRuntime js)
{
    public Task<AdminAnswer> GetAsync(string path) => SendAsync("GET", path, null);

    public Task<AdminAnswer> SaveAsync(string collection, string? id, JsonObject body)
        => id is null ? SendAsync("POST", collection, body) : SendAsync("PUT", $"{collection}/{Uri.EscapeDataString(id)}", body);

    public Task<AdminAnswer> DeleteAsync(string collection, string id) => SendAsync("DELETE", $"{collection}/{Uri.EscapeDataString(id)}", null);

    public async Task<AdminAnswer> SendAsync(string method, string path, JsonObject? body)
    {
        var answer = await js.InvokeAsync<RawAnswer>("dashboard.send", method, path, body?.ToJsonString());
        try
        {
            using var document = answer.Text.Length == 0 ? null : JsonDocument.Parse(answer.Text);
            return new(answer.Status, document?.RootElement.Clone() ?? default);
        }
        catch (JsonException)
        {
            return new(answer.Status == 200 ? 502 : answer.Status, default);
        }
    }

    private sealed record RawAnswer(int Status, string Text);
}

/// <summary>An answer of the admin API.</summary>
/// <param name="Status">HTTP status; 0: the control plane was not reached.</param>
/// <param name="Body">JSON, or undefined.</param>
internal sealed record AdminAnswer(int Status, JsonElement Body)
{
    public bool Succeeded => Status is >= 200 and < 300;

    /// <summary>Sentences to show when it did not succeed, a field's first.</summary>
    public IReadOnlyList<string> Objections
    {
        get
        {
            if (Succeeded)
            {
                return [];
            }

            if (Body.ValueKind == JsonValueKind.Object)
            {
                if (Body.TryGetProperty("errors", out var errors) && errors.ValueKind == JsonValueKind.Object)
                {
                    return [.. errors.EnumerateObject().SelectMany(entry => entry.Value.EnumerateArray()
                        .Select(message => entry.Name.Length == 0 ? message.GetString()! : $"{Plain(entry.Name)}: {message.GetString()}"))];
                }

                if (Body.TryGetProperty("detail", out var detail) && detail.GetString() is { } text)
                {
                    return [text];
                }
            }

            return [Status == 0 ? "The control plane cannot be reached. Nothing was changed." : $"The control plane answered {Status}."];
        }
    }

    private static string Plain(string field)
    {
        var words = field.Replace('_', ' ').Replace(".", " › ", StringComparison.Ordinal);
        return char.ToUpperInvariant(words[0]) + words[1..];
    }
}
