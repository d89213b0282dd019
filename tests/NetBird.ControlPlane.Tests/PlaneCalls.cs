using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Tests;

/// <summary>REST and the executable's verbs, as the first administrator, against a <see cref="RunningControlPlane"/>.</summary>
internal static class PlaneCalls
{
    public static async Task<HttpClient> ClientAsync(RunningControlPlane plane)
    {
        var token = await File.ReadAllTextAsync(Path.Combine(plane.Options.StateDirectory, "admin-token"));
        var http = new HttpClient { BaseAddress = plane.Url };
        http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Token " + token.Trim());
        return http;
    }

    /// <summary>Sends, expects success, gives the JSON.</summary>
    public static async Task<JsonNode> SendAsync(HttpClient http, HttpMethod method, string path, JsonNode? body)
    {
        using var request = new HttpRequestMessage(method, path)
        {
            Content = body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {(int)response.StatusCode} {text}");
        return JsonNode.Parse(text)!;
    }

    public static Task<(int Code, string Output, string Error)> RunAsync(RunningControlPlane plane, params string[] arguments)
        => RunAsync(plane, arguments, null);

    /// <summary>With one more variable in its environment.</summary>
    public static async Task<(int Code, string Output, string Error)> RunAsync(
        RunningControlPlane plane, string[] arguments, (string Name, string Value)? variable)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "netbird-controlplane.dll"));
        Array.ForEach(arguments, start.ArgumentList.Add);
        start.Environment["NETBIRD_CP_STATE_DIR"] = plane.Options.StateDirectory;
        if (variable is { } set)
        {
            start.Environment[set.Name] = set.Value;
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}
