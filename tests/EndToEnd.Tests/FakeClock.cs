using System.Globalization;

namespace EndToEnd.Tests;

/// <summary>
/// A wall clock that is set, for the processes that are given its environment, by Debian's libfaketime; the monotonic one runs
/// on, as it does when a machine's clock is set.
/// </summary>
internal sealed class FakeClock : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public FakeClock()
    {
        var library = Directory.EnumerateFiles("/usr/lib", "libfaketimeMT.so.1", SearchOption.AllDirectories).FirstOrDefault();
        Skip.If(library is null, "Debian's libfaketime is not installed");
        Environment = new Dictionary<string, string?>
        {
            ["LD_PRELOAD"] = library,
            ["FAKETIME_TIMESTAMP_FILE"] = _file,
            ["FAKETIME_NO_CACHE"] = "1",
            ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
            ["DONT_FAKE_MONOTONIC"] = "1",
        };
        Set(TimeSpan.Zero);
    }

    public IReadOnlyDictionary<string, string?> Environment { get; }

    public DateTimeOffset Now => DateTimeOffset.UtcNow + Offset;

    private TimeSpan Offset { get; set; }

    /// <summary>How far ahead of the machine's clock it is from now on, in all.</summary>
    public void Set(TimeSpan offset)
    {
        Offset = offset;

        // Replaced whole: a process may read it at any moment.
        var next = _file + ".next";
        File.WriteAllText(next, string.Create(CultureInfo.InvariantCulture, $"{offset.TotalSeconds:+0;-0;+0}"));
        File.Move(next, _file, overwrite: true);
    }

    public void Dispose() => File.Delete(_file);
}
