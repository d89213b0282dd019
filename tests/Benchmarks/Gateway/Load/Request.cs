using System.Globalization;
using System.Text;

namespace Benchmarks.Gateway.Load;

/// <summary>What every subject is asked, in the two forms that the sources of load read.</summary>
/// <param name="Body">The JSON.</param>
/// <param name="Headers">A subject's own, beside those of Claude Code.</param>
internal sealed record Request(string Body, IReadOnlyDictionary<string, string> Headers)
{
    private static readonly (string Name, string Value)[] OfClaudeCode =
    [
        ("Content-Type", "application/json"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27"),
        ("User-Agent", "claude-cli/2.1.331 (external, sdk-cli)"),
        ("X-Claude-Code-Session-Id", "90055f7d-5b8d-43cb-9cc1-17d6425b7d49"),
        ("x-api-key", "-"),
    ];

    public IEnumerable<(string Name, string Value)> AllHeaders => OfClaudeCode.Concat(Headers.Select(header => (header.Key, header.Value)));

    /// <summary>A script of wrk, which reads the body from a file.</summary>
    public string AsScript(string bodyFile)
        => "wrk.method = \"POST\"\n" + string.Concat(AllHeaders.Select(header => $"wrk.headers[\"{header.Name}\"] = \"{header.Value}\"\n"))
            + $"local f = io.open(\"{bodyFile}\", \"rb\")\nwrk.body = f:read(\"*a\")\n";

    /// <summary>Head and body as they go over the wire.</summary>
    public string AsBytes(Uri url)
        => $"POST {url.PathAndQuery} HTTP/1.1\r\nHost: {url.Authority}\r\n" + string.Concat(AllHeaders.Select(header => $"{header.Name}: {header.Value}\r\n"))
            + string.Create(CultureInfo.InvariantCulture, $"Content-Length: {Encoding.UTF8.GetByteCount(Body)}\r\n\r\n") + Body;
}
