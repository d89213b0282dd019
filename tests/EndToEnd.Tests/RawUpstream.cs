using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EndToEnd.Tests;

/// <summary>An upstream without an HTTP library: it keeps the bytes of each request and answers with given bytes.</summary>
internal sealed class RawUpstream : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentQueue<string> _heads = new();
    private readonly Task _accepting;
    private int _total;

    public RawUpstream()
    {
        _listener.Start();
        Url = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _accepting = AcceptAsync();
    }

    public Uri Url { get; }

    /// <summary>Header lines of the next answers, each with CR LF; Latin-1.</summary>
    public string AnswerLines { get; set; } = "";

    /// <summary>Request line and header lines of every request, as Latin-1, without the empty line.</summary>
    public IReadOnlyList<string> Heads => [.. _heads];

    /// <summary>Requests since the start, cleared or not.</summary>
    public int Total => _total;

    public void Clear() => _heads.Clear();

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stopping.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }

        await Task.WhenAll(connections);
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var owned = client;
        try
        {
            var stream = client.GetStream();
            var received = new StringBuilder();
            var buffer = new byte[64 * 1024];
            while (true)
            {
                while (LengthOf(received.ToString()) is not { } length || received.Length < length)
                {
                    var read = await stream.ReadAsync(buffer, _stopping.Token);
                    if (read == 0)
                    {
                        return;
                    }

                    received.Append(Encoding.Latin1.GetString(buffer, 0, read));
                }

                var text = received.ToString();
                Interlocked.Increment(ref _total);
                _heads.Enqueue(text[..text.IndexOf("\r\n\r\n", StringComparison.Ordinal)]);
                received.Remove(0, LengthOf(text)!.Value);
                const string Body = """{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5-5","content":[],"usage":{"input_tokens":1,"output_tokens":1}}""";
                await stream.WriteAsync(
                    Encoding.Latin1.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\n{AnswerLines}\r\n{Body}"),
                    _stopping.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
        }
    }

    /// <summary>How long a request is, head and body; null while its head is not whole. Only by Content-Length: that is all a gateway of ours sends.</summary>
    private static int? LengthOf(string text)
    {
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0)
        {
            return null;
        }

        var length = text[..end].Split("\r\n").FirstOrDefault(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        return end + 4 + (length is null ? 0 : int.Parse(length.AsSpan("Content-Length:".Length), System.Globalization.CultureInfo.InvariantCulture));
    }
}
