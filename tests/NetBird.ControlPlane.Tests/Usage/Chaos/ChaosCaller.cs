using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace NetBird.ControlPlane.Tests.Usage.Chaos;

/// <summary>What one request of a chaos run came to, as its caller saw it.</summary>
/// <param name="Number">Also in its session id, by which rows and the provider's entries are matched.</param>
/// <param name="Status">0: no answer.</param>
/// <param name="Whole">The answer's last byte was read.</param>
/// <param name="Began">UTC.</param>
/// <param name="Ended">UTC.</param>
internal sealed record ChaosOutcome(int Number, int Status, bool Whole, DateTime Began, DateTime Ended);

/// <summary>Makes the requests of a chaos run; the seed and the number of a request decide all of it but timing.</summary>
internal static class ChaosCaller
{
    /// <summary>Far above what any answer has, so that a row at its bound is told from one with what was seen.</summary>
    public const long MaxTokens = 2_000_000;

    private static readonly string[] Models =
        ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-1", "claude-opus-4-8"];

    private static readonly string[] Scenarios =
    [
        "", "", "", "tool", "thinking", "search", "events:60", "gzip", "br", "zstd", "drip:0.2", "drip:1.5", "gzip]][[scenario:events:80", "unknown-fields",
        "crlf", "error:429", "error:500", "error:529", "error:400-prompt-too-long", "cut:6", "eof:4", "sse-error:6", "reset", "malformed-usage", "no-usage",
    ];

    public static string SessionOf(int number) => string.Create(CultureInfo.InvariantCulture, $"chaos-{number}");

    public static async Task<ChaosOutcome> AskAsync(Uri node, int seed, int number)
    {
        var random = new Random(unchecked((seed * 1_000_003) + number));
        var person = GatewayNode.AddressOf(random.Next(30));
        using var client = Client(node, person);
        var body = Body(random, number);
        var patience = random.Next(8) == 0 ? random.Next(1, 80) : 60_000;
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages?beta=true")
            {
                Headers =
                {
                    { "anthropic-version", "2023-06-01" }, { "x-api-key", "-" }, { "X-Claude-Code-Session-Id", SessionOf(number) },
                    { "accept-encoding", "gzip, br, zstd" },
                },
                Content = new StringContent(body, Encoding.UTF8, "application/json"),
            };
            using var limit = new CancellationTokenSource(patience);
            var began = DateTime.UtcNow;
            var status = 0;
            try
            {
                using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
                status = (int)response.StatusCode;
                await response.Content.CopyToAsync(Stream.Null, limit.Token);
                if (status == 503)
                {
                    // As a client waits: else a store that is away for a second would take most of the run's requests.
                    await Task.Delay(250);
                }

                return new(number, status, true, began, DateTime.UtcNow);
            }
            catch (Exception refused) when (refused is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } or SocketException)
            {
                // The node is being started again: nothing was sent.
                await Task.Delay(20);
            }
            catch (Exception gone) when (gone is OperationCanceledException or HttpRequestException or IOException)
            {
                return new(number, status, false, began, DateTime.UtcNow);
            }
        }
    }

    private static string Body(Random random, int number)
    {
        var text = JsonSerializer.Serialize($"request {number} [[scenario:{Scenarios[random.Next(Scenarios.Length)]}]]");
        var stream = random.Next(4) > 0 ? "true" : "false";
        var model = Models[random.Next(Models.Length)];
        var system = random.Next(2) == 0
            ? ",\"system\":[{\"type\":\"text\",\"text\":\"be kind\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]" : "";
        return $$"""{"model":"{{model}}","max_tokens":{{MaxTokens}},"stream":{{stream}},"messages":[{"role":"user","content":[{"type":"text","text":{{text}}}]}]{{system}}}""";
    }

    /// <summary>A client at a person's address.</summary>
    public static HttpClient Client(Uri node, IPAddress from) => new(new SocketsHttpHandler
    {
        AutomaticDecompression = DecompressionMethods.None,
        ConnectCallback = async (_, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                socket.Bind(new IPEndPoint(from, 0));
                await socket.ConnectAsync(IPAddress.Loopback, node.Port, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    {
        BaseAddress = node,
        Timeout = TimeSpan.FromMinutes(2),
    };
}
