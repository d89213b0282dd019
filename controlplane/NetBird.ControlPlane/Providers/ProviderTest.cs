using System.Net;
using NetBird.ControlPlane.AdminApi;
using NetBird.Gateway.Credentials;

namespace NetBird.ControlPlane.Providers;

/// <summary>Asks a provider for its models with each of its keys: free, and shows whether URL and key are right.</summary>
internal sealed class ProviderTest(IHttpClientFactory clients, ProviderKeys keys, SampleProvider sample)
{
    /// <summary>Name of the HTTP client: no redirects, no cookies, so a key goes nowhere else.</summary>
    public const string ClientName = "provider-test";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);

    public async Task<ProviderTestAnswer> RunAsync(Provider provider, CancellationToken cancellationToken)
    {
        var results = new List<ProviderKeyTest>();
        var tried = new List<string>();
        while (keys.Current(provider.Id, tried) is { } key)
        {
            tried.Add(key.Id);
            results.Add(await TryAsync(provider, key, cancellationToken));
        }

        return results.Count == 0
            ? new(false, "The provider has no key that can be opened.", results)
            : new(results.TrueForAll(result => result.Success), results.Find(result => !result.Success)?.Message ?? results[0].Message, results);
    }

    private async Task<ProviderKeyTest> TryAsync(Provider provider, ProviderKey key, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, sample.UpstreamOf(provider).AbsoluteUri.TrimEnd('/') + "/v1/models?limit=1");
        request.Headers.TryAddWithoutValidation("x-api-key", key.Secret);
        request.Headers.TryAddWithoutValidation("anthropic-version", "2023-06-01");
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Limit);
        try
        {
            using var client = clients.CreateClient(ClientName);
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, timeout.Token);
            if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
            {
                keys.ReportRefused(provider.Id, key.Id, (int)response.StatusCode);
                return new(key.Id, false, (int)response.StatusCode, "The provider refuses this key. Replace it.");
            }

            if (response.StatusCode == HttpStatusCode.TooManyRequests)
            {
                keys.ReportRefused(provider.Id, key.Id, (int)response.StatusCode);
                return new(key.Id, false, (int)response.StatusCode, "The provider limits this key right now.");
            }

            if (!response.IsSuccessStatusCode)
            {
                return new(key.Id, false, (int)response.StatusCode,
                    $"The provider answers {(int)response.StatusCode} to GET /v1/models. Is the URL its base URL?");
            }

            keys.ReportWorking(provider.Id, key.Id);
            return new(key.Id, true, (int)response.StatusCode, "The provider answers and takes the key.");
        }
        catch (HttpRequestException fault)
        {
            return new(key.Id, false, 0, fault.HttpRequestError switch
            {
                HttpRequestError.NameResolutionError => "The name in the URL is not known to the DNS of this machine.",
                HttpRequestError.ConnectionError => "Nothing answers at this URL.",
                HttpRequestError.SecureConnectionError => "The TLS connection failed: is its certificate trusted on this machine?",
                _ => "The provider cannot be reached.",
            });
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new(key.Id, false, 0, $"The provider did not answer within {Limit.TotalSeconds:F0} s.");
        }
    }
}

/// <summary>Outcome of a test.</summary>
internal sealed record ProviderTestAnswer(bool Success, string Message, IReadOnlyList<ProviderKeyTest> Keys);

/// <summary>Outcome for one key. <paramref name="Status"/> 0: no answer.</summary>
internal sealed record ProviderKeyTest(string KeyId, bool Success, int Status, string Message);
