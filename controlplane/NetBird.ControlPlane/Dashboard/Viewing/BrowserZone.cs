namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>The viewer's time zone by its IANA name, as the browser tells it; UTC where it is unknown here.</summary>
internal static class BrowserZone
{
    public static TimeZoneInfo Find(string? name)
        => name is { Length: > 0 and < 64 } && TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) ? zone : TimeZoneInfo.Utc;
}
