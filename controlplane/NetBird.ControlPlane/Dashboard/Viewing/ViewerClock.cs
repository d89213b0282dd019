using System.Globalization;
using Microsoft.JSInterop;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>Times as the viewer reads them: in the zone they chose, else their browser's. One for each open tab.</summary>
internal sealed class ViewerClock(IJSRuntime js, TimeProvider time)
{
    private Task? _asked;

    /// <summary>UTC until <see cref="LearnAsync"/> has asked.</summary>
    public TimeZoneInfo Zone { get; private set; } = TimeZoneInfo.Utc;

    /// <summary>Another zone was chosen.</summary>
    public event Action? Changed;

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>Asks the browser, once. Not before the first render.</summary>
    public Task LearnAsync() => _asked ??= AskAsync();

    private async Task AskAsync() => Zone = Find(await js.InvokeAsync<string?>("dashboard.timeZone"));

    /// <summary>Takes a zone by its IANA name and remembers it in this browser; false: there is none of that name.</summary>
    public async Task<bool> TryChooseAsync(string name)
    {
        if (TryFind(name) is not { } zone)
        {
            return false;
        }

        Zone = zone;
        Changed?.Invoke();
        await js.InvokeVoidAsync("dashboard.keepTimeZone", Zone.Id);
        return true;
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
    public static TimeZoneInfo Find(string? name) => TryFind(name) ?? TimeZoneInfo.Utc;

    private static TimeZoneInfo? TryFind(string? name)
        => name is { Length: > 0 and < 64 } && TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) ? zone : null;

    private static string Rough(TimeSpan span) => span switch
    {
        { TotalHours: < 1 } => $"{(int)Math.Max(1, span.TotalMinutes)} min",
        { TotalDays: < 1 } => $"{(int)span.TotalHours} h",
        _ => $"{(int)span.TotalDays} d",
    };
}
