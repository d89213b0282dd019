using System.Text;
using System.Text.Json;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Audit;

/// <summary>
/// The audit log as a file for a collector to follow, a JSON object a line, from the first entry on and each once: the
/// last whole line says where to go on, a half one that a crash left is taken off. At <see cref="Largest"/> bytes it is
/// moved to NAME.1, that to NAME.2, and so on; a collector's own rotation does no harm, since it is opened for every round.
/// </summary>
internal sealed partial class AuditFile(ConfigurationStore store, string path, TimeProvider time, ILogger<AuditFile> logger) : BackgroundService
{
    /// <summary>How many moved ones are kept.</summary>
    public const int Kept = 9;

    private const int Most = 1000;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private long? _last;
    private bool _failing;

    /// <summary>Bytes.</summary>
    public long Largest { get; init; } = 64 * 1024 * 1024;

    /// <summary>What goes to a file or a webhook of an entry.</summary>
    public static string LineOf(AuditEntry entry) => JsonSerializer.Serialize(
        new { type = "audit.entry", sequence = entry.Sequence, timestamp = entry.Timestamp, data = AuditAnswer.Of(entry), hash = entry.Hash, previous_hash = entry.PreviousHash }, AdminJson.Options);

    /// <summary>One round; how many entries were written.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="InvalidDataException">The file holds something else.</exception>
    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        var last = _last ?? Recover();
        var lines = new StringBuilder();
        var count = 0;
        await foreach (var entry in store.ReadAuditAsync(last + 1, descending: false, cancellationToken))
        {
            lines.Append(LineOf(entry)).Append('\n');
            last = entry.Sequence;
            if (++count == Most)
            {
                break;
            }
        }

        if (count > 0)
        {
            Append(Encoding.UTF8.GetBytes(lines.ToString()));
        }

        _last = last;
        return count;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                while (await RunOnceAsync(stoppingToken) == Most)
                {
                }

                _failing = false;
            }
            catch (Exception fault) when (!stoppingToken.Ends(fault))
            {
                // Half a batch may be there: what is says where to go on.
                _last = null;
                if (!_failing)
                {
                    Log.Failed(logger, path, fault);
                }

                _failing = true;
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private static FileStream Open(string path, FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.Read | FileShare.Delete };
        if (!OperatingSystem.IsWindows() && mode != FileMode.Open)
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new(path, options);
    }

    private void Append(byte[] lines)
    {
        if (File.Exists(path) && new FileInfo(path) is { Length: > 0 } now && now.Length + lines.Length > Largest)
        {
            for (var i = Kept - 1; i >= 1; i--)
            {
                if (File.Exists($"{path}.{i}"))
                {
                    File.Move($"{path}.{i}", $"{path}.{i + 1}", overwrite: true);
                }
            }

            File.Move(path, path + ".1", overwrite: true);
        }

        using var file = Open(path, FileMode.OpenOrCreate);
        file.Seek(0, SeekOrigin.End);
        file.Write(lines);
        file.Flush(flushToDisk: true);
    }

    /// <summary>The sequence of the last whole line, here or in the file before; 0 where there is none.</summary>
    private long Recover()
    {
        foreach (var candidate in (string[])[path, path + ".1"])
        {
            if (File.Exists(candidate) && LastLine(candidate) is { } line)
            {
                try
                {
                    using var entry = JsonDocument.Parse(line);
                    return entry.RootElement.GetProperty("sequence").GetInt64();
                }
                catch (Exception fault) when (fault is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
                {
                    throw new InvalidDataException($"The last line of {candidate} is no entry of an audit log: name another file, or move it away.", fault);
                }
            }
        }

        return 0;
    }

    private static string? LastLine(string candidate)
    {
        using var file = Open(candidate, FileMode.Open);
        var whole = PositionAfter(file, file.Length);
        if (whole < file.Length)
        {
            file.SetLength(whole);
        }

        if (whole == 0)
        {
            return null;
        }

        var begin = PositionAfter(file, whole - 1);
        var line = new byte[whole - 1 - begin];
        file.Position = begin;
        file.ReadExactly(line);
        return Encoding.UTF8.GetString(line);
    }

    /// <summary>Where what follows the last line feed before <paramref name="end"/> begins.</summary>
    private static long PositionAfter(FileStream file, long end)
    {
        var buffer = new byte[4096];
        while (end > 0)
        {
            var size = (int)Math.Min(buffer.Length, end);
            file.Position = end - size;
            file.ReadExactly(buffer, 0, size);
            if (buffer.AsSpan(0, size).LastIndexOf((byte)'\n') is >= 0 and var found)
            {
                return end - size + found + 1;
            }

            end -= size;
        }

        return 0;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Audit + 6, LogLevel.Error, "The audit log cannot be written to {Path}; trying again every second, nothing is lost")]
        public static partial void Failed(ILogger logger, string path, Exception fault);
    }
}
