using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using NetBird.WireGuard.Configuration;

namespace NetBird.WireGuard.Uapi;

/// <summary>
/// Sets up and reads an interface that another program runs (wireguard-go, boringtun, our own <c>wg</c> command), over the
/// socket where that program serves it. One connection per request, as wg(8) does it.
/// </summary>
[UnsupportedOSPlatform("windows")]
internal sealed class UapiClient(string interfaceName, string folder = UapiServer.DefaultFolder) : IInterfaceControl
{
    // Ours: a local program answers in milliseconds; one that is stopped must not stop us.
    private const int PatienceMilliseconds = 5000;

    /// <summary>Ours: 100,000 peers with a few prefixes each.</summary>
    private const int MostBytes = 64 * 1024 * 1024;

    public string Path { get; } = System.IO.Path.Combine(folder, interfaceName + ".sock");

    /// <exception cref="IOException">Nobody answers, or what is answered is not the protocol.</exception>
    public InterfaceState Read()
    {
        using var request = UapiRequest.Get();
        using var reader = new UapiStateReader(interfaceName);
        Exchange(request, reader);
        return reader.Complete();
    }

    public void Apply(InterfaceChange change)
    {
        using var request = UapiRequest.Set(change);
        using var reader = new UapiStateReader(interfaceName);
        Exchange(request, reader);
    }

    private void Exchange(UapiRequest request, UapiStateReader reader)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        {
            SendTimeout = PatienceMilliseconds,
            ReceiveTimeout = PatienceMilliseconds,
        };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(Path));
            for (var rest = request.Bytes; !rest.IsEmpty;)
            {
                rest = rest[socket.Send(rest.Span)..];
            }

            ReadLines(socket, reader);
        }
        catch (SocketException e)
        {
            throw new IOException($"No program answers on {Path}: {e.Message}.", e);
        }

        if (reader.Errno is not { } errno)
        {
            throw new IOException($"The program behind {Path} broke off its answer.");
        }

        if (errno != 0)
        {
            throw new UapiException(errno, $"The program behind {Path} refused: {new System.ComponentModel.Win32Exception(errno).Message}.");
        }
    }

    /// <summary>Until the empty line that ends an answer. What is read holds the interface's private key, so it is zeroed.</summary>
    private static void ReadLines(Socket socket, UapiStateReader reader)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(UapiConversation.LongestLine, pinned: true);
        try
        {
            var (filled, total) = (0, 0L);
            while (true)
            {
                var read = socket.Receive(buffer.AsSpan(filled));
                if (read == 0 || (total += read) > MostBytes)
                {
                    return;
                }

                filled += read;
                var start = 0;
                while (buffer.AsSpan(start, filled - start).IndexOf((byte)'\n') is >= 0 and var length)
                {
                    if (length == 0)
                    {
                        return;
                    }

                    reader.Add(buffer.AsSpan(start, length));
                    start += length + 1;
                }

                buffer.AsSpan(start, filled - start).CopyTo(buffer);
                filled -= start;
                if (filled == buffer.Length)
                {
                    throw new UapiException(UapiException.MessageTooLong, "The program that runs the interface answered a line that does not end.");
                }
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(buffer);
        }
    }
}
