using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Benchmarks.Gateway.Subjects;

/// <summary>
/// An upstream that reads every request whole and answers with a stream of 200 events, each written apart, or with 2 KB; it does
/// nothing else.
/// </summary>
internal static class StreamUpstream
{
    private const int Events = 200;

    public static Task<Child> StartAsync(Place place, string kind)
    {
        var port = Child.FreePort();
        return Child.StartAsync(new(IPAddress.Loopback, port), Environment.ProcessPath!, ["stream-upstream", $"{place.Bind}", $"{port}", kind]);
    }

    public static async Task<int> RunAsync(string[] args)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Parse(args[0]), int.Parse(args[1], CultureInfo.InvariantCulture)));
        listener.Listen(512);
        var writes = args[2] == "stream" ? Writes() : [Plain()];
        while (true)
        {
            _ = ServeAsync(await listener.AcceptAsync(), writes);
        }
    }

    private static List<byte[]> Writes()
    {
        var events = new List<string>
        {
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nrequest-id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n",
            Chunk("message_start", """{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5-5","content":[],"stop_reason":null,"usage":{"input_tokens":12000,"cache_creation_input_tokens":400,"cache_read_input_tokens":9000,"cache_creation":{"ephemeral_5m_input_tokens":300,"ephemeral_1h_input_tokens":100},"output_tokens":1,"service_tier":"standard"}}}"""),
        };
        for (var i = 0; i < Events - 3; i++)
        {
            events.Add(Chunk("content_block_delta", """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"some more words of the answer"}}"""));
        }

        events.Add(Chunk("message_delta", """{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":1500}}"""));
        events.Add(Chunk("message_stop", """{"type":"message_stop"}""") + "0\r\n\r\n");
        return [.. events.Select(Encoding.UTF8.GetBytes)];
    }

    private static byte[] Plain()
    {
        var body = Nginx.Answer;
        return Encoding.ASCII.GetBytes(
            $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nrequest-id: req_bench\r\nContent-Length: {body.Length}\r\n\r\n{body}");
    }

    private static string Chunk(string name, string data)
    {
        var text = $"event: {name}\ndata: {data}\n\n";
        return $"{text.Length:x}\r\n{text}\r\n";
    }

    private static async Task ServeAsync(Socket socket, List<byte[]> writes)
    {
        using var owned = socket;
        socket.NoDelay = true;
        var buffer = new byte[128 * 1024];
        try
        {
            while (await ReadRequestAsync(socket, buffer))
            {
                foreach (var write in writes)
                {
                    await socket.SendAsync(write);
                }
            }
        }
        catch (SocketException)
        {
            // The load is over.
        }
    }

    private static async Task<bool> ReadRequestAsync(Socket socket, byte[] buffer)
    {
        var have = 0;
        int end;
        while ((end = buffer.AsSpan(0, have).IndexOf("\r\n\r\n"u8)) < 0)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(have));
            if (read == 0)
            {
                return false;
            }

            have += read;
        }

        var head = Encoding.Latin1.GetString(buffer, 0, end);
        var at = head.IndexOf("content-length:", StringComparison.OrdinalIgnoreCase) + 15;
        var length = long.Parse(head.AsSpan(at, (head + "\r\n").IndexOf("\r\n", at, StringComparison.Ordinal) - at), CultureInfo.InvariantCulture);
        var missing = end + 4 + length - have;
        while (missing > 0)
        {
            var read = await socket.ReceiveAsync(buffer);
            if (read == 0)
            {
                return false;
            }

            missing -= read;
        }

        return true;
    }
}
