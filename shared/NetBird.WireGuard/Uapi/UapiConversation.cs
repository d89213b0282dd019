using System.Security.Cryptography;
using NetBird.WireGuard.Configuration;

namespace NetBird.WireGuard.Uapi;

/// <summary>
/// One client of the UAPI socket: requests one after the other until it hangs up or breaks the protocol. A
/// request is "get=1" or "set=1" and lines, ended by an empty line.
/// </summary>
internal sealed class UapiConversation(Stream stream, IInterfaceControl control) : IDisposable
{
    /// <summary>Ours: the longest line of the protocol is a preshared key's, under 80 bytes.</summary>
    internal const int LongestLine = 4096;

    /// <summary>Ours: 100,000 peers with a few prefixes each; only root gets this far.</summary>
    internal const int MostBytes = 64 * 1024 * 1024;

    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(LongestLine, pinned: true);
    private int _start;
    private int _end;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var first = new byte[5];
        while (await ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.Length == 0)
            {
                continue;
            }

            var operation = line.Length == first.Length ? line : default;
            operation.CopyTo(first);
            using var answer = new UapiAnswer();
            var goOn = operation.IsEmpty || !IsKnown(first)
                ? Refuse(answer, new UapiException(UapiException.Invalid, "Neither get=1 nor set=1."))
                : first[0] == (byte)'g'
                    ? await GetAsync(answer, cancellationToken)
                    : await SetAsync(answer, cancellationToken);
            await stream.WriteAsync(answer.Bytes, cancellationToken);
            if (!goOn)
            {
                return;
            }
        }
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_buffer);

    private static bool IsKnown(ReadOnlySpan<byte> operation)
        => operation.SequenceEqual("get=1"u8) || operation.SequenceEqual("set=1"u8);

    private async Task<bool> GetAsync(UapiAnswer answer, CancellationToken cancellationToken)
    {
        try
        {
            if (await ReadLineAsync(cancellationToken) is not { Length: 0 })
            {
                throw new UapiException(UapiException.Invalid, "get=1 takes no lines.");
            }

            using var state = control.Read();
            answer.Write(state).End();
            return true;
        }
        catch (IOException e)
        {
            return Refuse(answer, e);
        }
    }

    private async Task<bool> SetAsync(UapiAnswer answer, CancellationToken cancellationToken)
    {
        using var parser = new UapiParser();
        UapiException? refusal = null;
        try
        {
            var total = 0L;
            while (true)
            {
                var line = await ReadLineAsync(cancellationToken)
                    ?? throw new UapiException(UapiException.Invalid, "The request has no end.");
                if (line.Length == 0)
                {
                    break;
                }

                total += line.Length + 1;
                if (total > MostBytes)
                {
                    throw new UapiException(UapiException.MessageTooLong, "The request is too long.");
                }

                refusal ??= Try(parser, line.Span);
            }

            if (refusal is null)
            {
                control.Apply(parser.Complete());
            }

            answer.End(refusal?.Errno ?? 0);
            return true;
        }
        catch (IOException e)
        {
            return Refuse(answer, e);
        }
    }

    /// <summary>A mistake is answered at the request's end: a client that still writes would be killed by SIGPIPE.</summary>
    private static UapiException? Try(UapiParser parser, ReadOnlySpan<byte> line)
    {
        try
        {
            parser.Add(line);
            return null;
        }
        catch (UapiException e)
        {
            return e;
        }
    }

    /// <summary>Answers with the error; the client is then dropped, since the rest of its request is not read.</summary>
    private static bool Refuse(UapiAnswer answer, IOException error)
    {
        answer.End(error switch
        {
            UapiException e => e.Errno,
            Linux.Netlink.NetlinkException e => e.Errno,
            _ => UapiException.InputOutput,
        });
        return false;
    }

    /// <returns>A line without its line feed, valid until the next call; null when the client hung up.</returns>
    /// <exception cref="UapiException">A line that does not end.</exception>
    private async ValueTask<ReadOnlyMemory<byte>?> ReadLineAsync(CancellationToken cancellationToken)
    {
        var searched = _start;
        while (true)
        {
            var feed = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (feed >= 0)
            {
                var line = _buffer.AsMemory(_start, searched + feed - _start);
                _start = searched + feed + 1;
                return line;
            }

            if (_start > 0)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                _end -= _start;
                _start = 0;
            }

            searched = _end;
            if (_end == _buffer.Length)
            {
                throw new UapiException(UapiException.MessageTooLong, "A line is too long.");
            }

            var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
            if (read == 0)
            {
                return null;
            }

            _end += read;
        }
    }
}
