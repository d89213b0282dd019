using System.Globalization;
using Microsoft.JSInterop;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>Times as the viewer reads them: in the zone they chose, else their browser's. One for each open tab.</summary>
internal sealed class ViewerClock(IJSRuntime js, TimeProvider time)
{
    private bool _asked;

    /// <summary>UTC until <see cref="LearnAsync"/> has asked.</summary>
    public TimeZoneInfo Zone { get; private set; } = TimeZoneInfo.Utc;

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>Asks the browser, once. Not before the first render.</summary>
    public async Task LearnAsync()
    {
        if (!_asked)
        {
            Zone = Find(await js.InvokeAsync<string?>("dashboard.timeZone"));
            _asked = true;
        }
    }

    /// <summary>Takes a zone by its IANA name and remembers it in this browser.</summary>
    public async Task ChooseAsync(string name)
    {
        Zone = Find(name);
        await js.InvokeVoidAsync("dashboard.keepTimeZone", Zone.Id);
    }

    /// <summary>26 Nov, 08:33.</summary>
    public string Short(DateTimeOffset at) => In(at, At(at).Year == At(Now).Year ? "d MMM, HH:mm" : "d MMM yyyy, HH:mm");

    /// <summary>26 Nov, 08:33:13.</summary>
    public string WithSeconds(DateTimeOffset at) => In(at, "d MMM, HH:mm:ss");

    /// <summary>With milliseconds and offset, for details.</summary>
    public string Exact(DateTimeOffset at) => In(at, "yyyy-MM-dd HH:mm:ss.fff zzz");

    /// <summary>just now, 5 min ago, in 3 h, 26 Nov.</summary>
    public string Ago(DateTimeOffset at)
    {
        var past = Now - at;
        return past switch
        {
            { TotalDays: > 6 or < -6 } => In(at, At(at).Year == At(Now).Year ? "d MMM" : "d MMM yyyy"),
            { TotalMinutes: > -1 and < 1 } => "just now",
            { Ticks: > 0 } => Rough(past) + " ago",
            _ => "in " + Rough(-past),
        };
    }

    public DateTimeOffset At(DateTimeOffset at) => TimeZoneInfo.ConvertTime(at, Zone);

    public string In(DateTimeOffset at, string format) => At(at).ToString(format, CultureInfo.InvariantCulture);

    /// <summary>A zone by its IANA name; UTC where it is unknown here.</summary>
    public static TimeZoneInfo Find(string? name)
        => name is { Length: > 0 and < 64 } && TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) ? zone : TimeZoneInfo.Utc;

    private static string Rough(TimeSpan span) => span switch
    {
        { TotalHours: < 1 } => $"{(int)Math.Max(1, span.TotalMinutes)} min",
        { TotalDays: < 1 } => $"{(int)span.TotalHours} h",
        _ => $"{(int)span.TotalDays} d",
    };
}
