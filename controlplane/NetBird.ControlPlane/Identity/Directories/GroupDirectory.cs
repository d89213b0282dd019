using System.Collections.Immutable;
using System.Net.Http.Headers;
using System.Text.Json;
using NetBird.ControlPlane.Hosting;

namespace NetBird.ControlPlane.Identity.Directories;

/// <summary>Asks a directory for somebody's groups, with a token of our own; both are read page by page and bounded.</summary>
internal abstract class GroupDirectory(IHttpClientFactory http, TimeProvider time) : IDisposable
{
    public const string ClientName = "directory";

    // Ours: beyond this something is wrong with the directory's answer.
    private const int MostGroups = 5000;
    private const int MostPages = 50;
    private const int LargestAnswer = 4 * 1024 * 1024;

    // Renewed before it ends, so that an answer on its way does not meet an ended token.
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(2);

    private readonly SemaphoreSlim _renewing = new(1, 1);
    private (string Token, DateTimeOffset Until) _token;

    /// <summary>Whether the token leaves the question to us.</summary>
    /// <param name="payload">Of a checked ID token.</param>
    /// <param name="groupsElsewhere">It says that its groups are elsewhere.</param>
    public abstract bool IsNeeded(JsonElement payload, bool groupsElsewhere);

    /// <summary>The groups, as the token's claim would name them.</summary>
    /// <exception cref="IOException">The directory cannot be asked, or refuses us; the message says so without secrets.</exception>
    public async Task<ImmutableArray<string>> GroupsOfAsync(JsonElement payload, CancellationToken cancellationToken)
    {
        try
        {
            var names = new List<string>();
            var next = FirstPage(payload);
            for (var pages = 0; next is not null && pages < MostPages && names.Count < MostGroups; pages++)
            {
                using var answer = await AskAsync(next, cancellationToken);
                names.AddRange(NamesIn(answer.RootElement));
                next = NextPage(next, answer.RootElement);
            }

            return [.. names.Where(name => name.Length is > 0 and <= 128 && !name.Any(char.IsControl)).Distinct(StringComparer.OrdinalIgnoreCase).Take(MostGroups)];
        }
        catch (Exception fault) when (fault is HttpRequestException or JsonException or InvalidOperationException or KeyNotFoundException
            || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new IOException("The identity provider's directory of groups cannot be asked.", fault);
        }
    }

    public void Dispose() => _renewing.Dispose();

    protected abstract Uri FirstPage(JsonElement payload);

    protected abstract Uri? NextPage(Uri page, JsonElement answer);

    protected abstract IEnumerable<string> NamesIn(JsonElement answer);

    /// <summary>The request for a token of our own.</summary>
    protected abstract Task<HttpRequestMessage> TokenRequestAsync(CancellationToken cancellationToken);

    private async Task<JsonDocument> AskAsync(Uri page, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, page);
        request.Headers.Authorization = new("Bearer", await TokenAsync(cancellationToken));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        return await SendAsync(request, cancellationToken);
    }

    private async Task<string> TokenAsync(CancellationToken cancellationToken)
    {
        await _renewing.WaitAsync(cancellationToken);
        try
        {
            if (_token.Until <= time.GetUtcNow() + Margin)
            {
                using var request = await TokenRequestAsync(cancellationToken);
                using var answer = await SendAsync(request, cancellationToken);
                var lifetime = answer.RootElement.TryGetProperty("expires_in", out var seconds) && seconds.TryGetInt32(out var whole) ? whole : 300;
                _token = (answer.RootElement.GetProperty("access_token").GetString() ?? "", time.GetUtcNow() + TimeSpan.FromSeconds(lifetime));
            }

            return _token.Token;
        }
        finally
        {
            _renewing.Release();
        }
    }

    private async Task<JsonDocument> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var client = http.CreateClient(ClientName);
        client.MaxResponseContentBufferSize = LargestAnswer;
        using var response = await client.SendAsync(request, cancellationToken);
        response.EnsureSuccessStatusCode();
        return JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellationToken));
    }
}
