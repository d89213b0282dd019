namespace NetBird.ControlPlane.Dashboard.Charts;

/// <summary>A line of a <see cref="BarList"/>.</summary>
/// <param name="Name">Shown.</param>
/// <param name="Value">Length of the bar.</param>
/// <param name="Text">The value as people read it.</param>
/// <param name="Exact">Every digit of it.</param>
/// <param name="Href">Its requests, or null.</param>
public sealed record BarLine(string Name, decimal Value, string Text, string Exact, string? Href);
