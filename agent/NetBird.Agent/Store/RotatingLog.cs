using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace NetBird.Agent.Store;

/// <summary>
/// The daemon's log file: mode 0600, at most two files of 4 MiB. A line that cannot be written, say on a full disk,
/// is lost; logging never stops the tunnel.
/// </summary>
internal sealed class RotatingLog(StateDirectory state, TimeProvider time) : ILoggerProvider
{
    private const long LargestBytes = 4 * 1024 * 1024;

    private readonly Lock _gate = new();
    private FileStream? _file;

    public ILogger CreateLogger(string categoryName) => new Writer(this, categoryName[(categoryName.LastIndexOf('.') + 1)..]);

    public void Dispose()
    {
        lock (_gate)
        {
            _file?.Dispose();
            _file = null;
        }
    }

    private void Write(string line)
    {
        var bytes = Encoding.UTF8.GetBytes(line);
        lock (_gate)
        {
            try
            {
                _file ??= PrivateFile.Open(state.LogFile, FileMode.Append, FileShare.ReadWrite | FileShare.Delete);
                if (_file.Position > LargestBytes)
                {
                    _file.Dispose();
                    File.Move(state.LogFile, state.LogFile + ".1", overwrite: true);
                    _file = PrivateFile.Open(state.LogFile, FileMode.Append, FileShare.ReadWrite | FileShare.Delete);
                }

                _file.Write(bytes);
                _file.Flush();
            }
            catch (IOException)
            {
                _file?.Dispose();
                _file = null;
            }
        }
    }

    private sealed class Writer(RotatingLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var text = formatter(state, exception).ReplaceLineEndings(" ");
            var failure = exception is null ? "" : " | " + exception.ToString().ReplaceLineEndings(" ");
            log.Write(string.Create(CultureInfo.InvariantCulture,
                $"{log.Now:yyyy-MM-ddTHH:mm:ss.fffZ} {logLevel.ToString()[..4].ToUpperInvariant()} {category} {eventId.Id}: {text}{failure}\n"));
        }
    }

    private DateTimeOffset Now => time.GetUtcNow();
}
