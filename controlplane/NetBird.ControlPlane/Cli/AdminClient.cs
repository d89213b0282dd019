using System.Net;
using System.Net.Http.Headers;
using System.Security.Authentication;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NetBird.CommandLine;

namespace NetBird.ControlPlane.Cli;

/// <summary>Calls the REST API of a running control plane for the verbs.</summary>
internal sealed class AdminClient : IDisposable
{
    private readonly HttpClient _http;

    public AdminClient(Uri url, string token)
    {
        _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = !url.IsLoopback })
        {
            BaseAddress = url,
            Timeout = TimeSpan.FromMinutes(10),
        };
        _http.DefaultRequestHeaders.Authorization = new("Token", token);
    }

    public Task<JsonNode> GetAsync(string path, CancellationToken cancellationToken)
        => SendAsync(HttpMethod.Get, path, null, cancellationToken);

    public Task<JsonNode> PostAsync(string path, JsonNode body, CancellationToken cancellationToken)
        => SendAsync(HttpMethod.Post, path, body, cancellationToken);

    public Task<JsonNode> PutAsync(string path, JsonNode body, CancellationToken cancellationToken)
        => SendAsync(HttpMethod.Put, path, body, cancellationToken);

    public Task<JsonNode> DeleteAsync(string path, CancellationToken cancellationToken)
        => SendAsync(HttpMethod.Delete, path, null, cancellationToken);

    /// <summary>The rows of a list, all of them.</summary>
    public async Task<List<JsonObject>> ListAsync(string path, CancellationToken cancellationToken)
        => [.. (await GetAsync(path, cancellationToken)).AsArray().OfType<JsonObject>()];

    /// <summary>Streams an answer to a file.</summary>
    public async Task DownloadAsync(string path, Stream destination, CancellationToken cancellationToken)
    {
        using var response = await AskAsync(HttpMethod.Get, path, null, cancellationToken);
        await response.Content.CopyToAsync(destination, cancellationToken);
    }

    public void Dispose() => _http.Dispose();

    private async Task<JsonNode> SendAsync(HttpMethod method, string path, JsonNode? body, CancellationToken cancellationToken)
    {
        using var response = await AskAsync(method, path, body, cancellationToken);
        try
        {
            return await JsonNode.ParseAsync(await response.Content.ReadAsStreamAsync(cancellationToken), cancellationToken: cancellationToken)
                ?? throw new CliException("The control plane's answer is empty.");
        }
        catch (JsonException)
        {
            throw new CliException("What answers there is not a NetBird control plane.");
        }
    }

    private async Task<HttpResponseMessage> AskAsync(HttpMethod method, string path, JsonNode? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body.ToJsonString()))
            {
                Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
            };
        }

        try
        {
            var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (response.IsSuccessStatusCode)
            {
                return response;
            }

            using (response)
            {
                throw await RefusalAsync(response, cancellationToken);
            }
        }
        catch (HttpRequestException fault)
        {
            throw new CliException(
                fault.HttpRequestError switch
                {
                    HttpRequestError.ConnectionError => $"No control plane answers at {_http.BaseAddress}. Start it with 'netbird-controlplane serve'.",
                    HttpRequestError.SecureConnectionError when fault.InnerException is AuthenticationException untrusted =>
                        $"The certificate at {_http.BaseAddress} is not trusted here: {untrusted.Message.TrimEnd('.')}. "
                        + "If it is of an authority of your own, name that one's file: SSL_CERT_FILE=ca.pem.",
                    _ => $"The control plane at {_http.BaseAddress} cannot be asked: {fault.Message}",
                },
                ExitCode.NotRunning);
        }
    }

    private static async Task<CliException> RefusalAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        var code = response.StatusCode switch
        {
            HttpStatusCode.Unauthorized => ExitCode.LoginNeeded,
            HttpStatusCode.Forbidden => ExitCode.NotPermitted,
            _ => ExitCode.Failed,
        };
        try
        {
            var problem = JsonNode.Parse(text) as JsonObject;
            if (problem?["errors"] is JsonObject errors && errors.Count > 0)
            {
                return new(string.Join('\n', errors.SelectMany(field => (field.Value as JsonArray ?? [])
                    .Select(message => field.Key.Length == 0 ? $"{message}" : $"{field.Key}: {message}"))), code);
            }

            if (problem?["detail"] is JsonValue detail)
            {
                return new(detail.ToString(), code);
            }
        }
        catch (JsonException)
        {
            // Not ours: a proxy's page, say. The status is what there is to tell.
        }

        return new($"The control plane answers {(int)response.StatusCode}.", code);
    }
}
