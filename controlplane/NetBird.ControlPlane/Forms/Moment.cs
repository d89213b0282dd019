using System.Globalization;

namespace NetBird.ControlPlane.Forms;

/// <summary>How moments are written in bodies and queries.</summary>
internal static class Moment
{
    /// <summary>ISO 8601 and what .NET takes beside; UTC where it names no offset, and as UTC.</summary>
    public static bool TryParse(string? text, out DateTimeOffset time)
        => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);
}
