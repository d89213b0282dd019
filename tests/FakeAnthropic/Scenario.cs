using System.Globalization;
using System.Text.RegularExpressions;

namespace FakeAnthropic;

/// <summary>
/// What the last user message asks for: any number of <c>[[scenario:NAME]]</c> or <c>[[scenario:NAME:ARGUMENT]]</c>. README.md lists them.
/// </summary>
internal sealed partial class Scenario
{
    private readonly Dictionary<string, string> _asked = new(StringComparer.Ordinal);

    public Scenario(string text)
    {
        foreach (Match match in Mark().Matches(text))
        {
            _asked[match.Groups[1].Value] = match.Groups[2].Value;
        }
    }

    public bool Has(string name) => _asked.ContainsKey(name);

    /// <summary>The argument, <paramref name="unset"/> where none is given, or null where the scenario is not asked for.</summary>
    public string? Text(string name, string unset = "")
        => _asked.TryGetValue(name, out var argument) ? argument.Length > 0 ? argument : unset : null;

    public int? Number(string name, int unset = 0)
        => _asked.TryGetValue(name, out var argument)
            ? int.TryParse(argument, CultureInfo.InvariantCulture, out var number) ? number : unset
            : null;

    /// <summary>Seconds, with fractions allowed; zero where the scenario is not asked for.</summary>
    public TimeSpan Seconds(string name)
        => _asked.TryGetValue(name, out var argument) && double.TryParse(argument, CultureInfo.InvariantCulture, out var seconds)
            ? TimeSpan.FromSeconds(seconds)
            : TimeSpan.Zero;

    /// <summary>One of <c>name=value,name=value</c> in an argument.</summary>
    public string? Field(string name, string field)
        => Text(name)?.Split(',').Select(part => part.Split('=')).FirstOrDefault(pair => pair[0] == field) is [_, var value] ? value : null;

    [GeneratedRegex(@"\[\[scenario:([a-z0-9-]+)(?::([^\]]*))?\]\]")]
    private static partial Regex Mark();
}
