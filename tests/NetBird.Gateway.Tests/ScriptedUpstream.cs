using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace NetBird.Gateway.Tests;

/// <summary>Answers each request as a test says; the rest of a connection is closed.</summary>
internal sealed class ScriptedUpstream : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public ScriptedUpstream(Func<NetworkStream, string, Task> answer)
    {
        _listener.Start();
        _ = RunAsync(answer);
    }

    public Uri Url => new($"http://{_listener.LocalEndpoint}");

    public void Dispose() => _listener.Dispose();

    private async Task RunAsync(Func<NetworkStream, string, Task> answer)
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync();
            }
            catch (Exception stopped) when (stopped is SocketException or ObjectDisposedException)
            {
                return;
            }

            using (client)
            {
                var stream = client.GetStream();
                var buffer = new byte[64 * 1024];
                var read = await stream.ReadAsync(buffer);
                var head = Encoding.Latin1.GetString(buffer, 0, read);
                var named = head.IndexOf("content-length:", StringComparison.OrdinalIgnoreCase);
                var length = named < 0 ? 0 : int.Parse(head[(named + 15)..].Split('\r')[0], CultureInfo.InvariantCulture);
                while (read < head.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4 + length)
                {
                    read += await stream.ReadAsync(buffer.AsMemory(read));
                }

                await answer(stream, head);
                client.Client.Shutdown(SocketShutdown.Send);
            }
        }
    }
}
