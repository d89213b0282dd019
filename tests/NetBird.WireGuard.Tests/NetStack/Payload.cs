using System.Net.Sockets;
using System.Security.Cryptography;
using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>Random bytes sent through a stream, compared by hash at the other end.</summary>
internal static class Payload
{
    public static byte[] Random(int bytes, int seed)
    {
        var data = new byte[bytes];
        new Random(seed).NextBytes(data);
        return data;
    }

    /// <summary>Writes all, then half-closes.</summary>
    public static async Task SendAsync(Stream to, byte[] data, CancellationToken cancellationToken)
    {
        for (var at = 0; at < data.Length; at += 50_000)
        {
            await to.WriteAsync(data.AsMemory(at, Math.Min(50_000, data.Length - at)), cancellationToken);
        }

        EndWrites(to);
    }

    public static void EndWrites(Stream stream)
    {
        if (stream is TcpStream ours)
        {
            ours.CompleteWrites();
        }
        else
        {
            ((NetworkStream)stream).Socket.Shutdown(SocketShutdown.Send);
        }
    }

    /// <summary>Reads to the end.</summary>
    public static async Task<byte[]> HashAsync(Stream from, CancellationToken cancellationToken)
        => await SHA256.HashDataAsync(from, cancellationToken);
}
