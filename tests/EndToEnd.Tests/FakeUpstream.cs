using System.Diagnostics;
using System.Text.Json;

namespace EndToEnd.Tests;

/// <summary>The strict fake Anthropic as a process of its own, with its ledger of what it answered.</summary>
internal sealed class FakeUpstream : IAsyncDisposable
{
    private readonly Process _process;
    private readonly HttpClient _http = new();

    private FakeUpstream(Process process, Uri url, string key)
    {
        _process = process;
        Url = url;
        Key = key;
    }

    public Uri Url { get; }

    /// <summary>The only key it accepts; planted, so that tests can look for it where it must not be.</summary>
    public string Key { get; }

    public static async Task<FakeUpstream> StartAsync()
    {
        var key = "sk-ant-planted-" + Guid.NewGuid().ToString("N");
        var process = Command.Start(Checkout.FakeAnthropic, ["--port", "0", "--key", key]);
        _ = process.StandardError.ReadToEndAsync();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            var at = line.IndexOf("http://", StringComparison.Ordinal);
            if (at >= 0)
            {
                _ = process.StandardOutput.ReadToEndAsync();
                return new(process, new Uri(line[at..].Split(' ')[0].TrimEnd('/')), key);
            }
        }

        throw new InvalidOperationException("The fake upstream printed no URL.");
    }

    public async Task<JsonDocument> LedgerAsync() => JsonDocument.Parse(await _http.GetStringAsync(new Uri(Url, "/__ledger")));

    public async Task<JsonDocument> RequestsAsync() => JsonDocument.Parse(await _http.GetStringAsync(new Uri(Url, "/__requests")));

    public async Task ForgetAsync()
    {
        (await _http.DeleteAsync(new Uri(Url, "/__ledger"))).EnsureSuccessStatusCode();
        (await _http.DeleteAsync(new Uri(Url, "/__requests"))).EnsureSuccessStatusCode();
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }
}
