using System.Buffers.Binary;
using System.Numerics;
using Microsoft.Win32.SafeHandles;

namespace NetBird.ControlPlane.Usage.Journalling;

/// <summary>
/// One append-only file of the journal. A frame is its length, its CRC-32C and its bytes, handed to the kernel in one write: what
/// was written survives the death of the process at any moment; a flush to the disk follows within a tenth of a second.
/// </summary>
internal sealed class JournalSegment : IDisposable
{
    private const int FrameHead = 8;

    /// <summary>Ours: far above any record; a longer one means a damaged length.</summary>
    private const int LongestFrame = 1 << 20;

    private static readonly byte[] Magic = "NBUSAGE1"u8.ToArray();

    private readonly SafeFileHandle _file;
    private byte[] _frame = new byte[1024];
    private int _pending;
    private long _flushedTo;

    private JournalSegment(string path, SafeFileHandle file) => (Path, _file) = (path, file);

    public string Path { get; }

    /// <summary>Bytes written; a frame that failed half way is overwritten by the next.</summary>
    public long Length { get; private set; }

    /// <summary>The highest sequence in it, 0 for none.</summary>
    public long LastSequence { get; set; }

    /// <exception cref="IOException">It cannot be created.</exception>
    public static JournalSegment Create(string path)
    {
        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            var segment = new JournalSegment(path, file);
            RandomAccess.Write(file, Magic, 0);
            segment.Length = Magic.Length;
            return segment;
        }
        catch (UnauthorizedAccessException denied)
        {
            file?.Dispose();
            throw new IOException(denied.Message, denied);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    /// <summary>Forgets what was added and not appended.</summary>
    public void Clear() => _pending = 0;

    /// <summary>Adds a frame to those that <see cref="Write"/> appends.</summary>
    public void Add(ReadOnlySpan<byte> payload)
    {
        var size = _pending + FrameHead + payload.Length;
        if (_frame.Length < size)
        {
            Array.Resize(ref _frame, size * 2);
        }

        var frame = _frame.AsSpan(_pending);
        BinaryPrimitives.WriteInt32LittleEndian(frame, payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], Crc(payload));
        payload.CopyTo(frame[FrameHead..]);
        _pending = size;
    }

    /// <summary>Appends what was added: all of it, or as if nothing had been added.</summary>
    /// <exception cref="IOException">It is not in the file: disk full, device gone.</exception>
    public void Write()
    {
        var size = _pending;
        _pending = 0;
        RandomAccess.Write(_file, _frame.AsSpan(0, size), Length);
        Length += size;
    }

    /// <summary>Everything written so far to the disk itself.</summary>
    public void Flush()
    {
        var to = Length;
        if (to > _flushedTo)
        {
            RandomAccess.FlushToDisk(_file);
            _flushedTo = to;
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>The frames of a file up to its end, or to the first that is not whole: what a crash tore off.</summary>
    /// <param name="path">The segment.</param>
    /// <param name="torn">Bytes behind the last whole frame.</param>
    public static List<byte[]> ReadFrames(string path, out long torn)
    {
        var data = File.ReadAllBytes(path);
        var frames = new List<byte[]>();
        torn = data.Length;
        if (!data.AsSpan().StartsWith(Magic))
        {
            return frames;
        }

        var at = Magic.Length;
        while (data.Length - at >= FrameHead)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(data.AsSpan(at));
            if (length is <= 0 or > LongestFrame || length > data.Length - at - FrameHead)
            {
                break;
            }

            var payload = data.AsSpan(at + FrameHead, length);
            if (BinaryPrimitives.ReadUInt32LittleEndian(data.AsSpan(at + 4)) != Crc(payload))
            {
                break;
            }

            frames.Add(payload.ToArray());
            at += FrameHead + length;
        }

        torn = data.Length - at;
        return frames;
    }

    internal static uint Crc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        while (data.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[8..];
        }

        foreach (var b in data)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }
}
