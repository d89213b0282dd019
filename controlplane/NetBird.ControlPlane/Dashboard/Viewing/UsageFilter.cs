using System.Globalization;
using NetBird.ControlPlane.Usage;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>The filters of Usage &amp; Logs as its fields and its address hold them.</summary>
public sealed class UsageFilter
{
    public RangeChoice Range { get; set; } = new("Last 24 hours");

    public string? User { get; set; }

    public string? Group { get; set; }

    public string? Provider { get; set; }

    public string? Policy { get; set; }

    public string? Model { get; set; }

    public string? Session { get; set; }

    /// <summary><c>allowed</c>, <c>denied</c>, or null for both.</summary>
    public string? Decision { get; set; }

    /// <summary>Part of a refusal's sentence.</summary>
    public string? Refusal { get; set; }

    /// <summary>Whether anything but the range is chosen.</summary>
    internal bool IsSet => new[] { User, Group, Provider, Policy, Model, Session, Decision, Refusal }.Any(value => Text(value) is not null);

    internal UsageQuery ToQuery(ViewerClock clock)
    {
        var range = Range.At(clock.Now, clock.Zone);
        return new()
        {
            From = range.From,
            To = Range.Name is TimeRange.Custom or "Last month" ? range.To : null,
            User = UserId.TryParse(User, out var user) ? user : null,
            Group = GroupId.TryParse(Group, out var group) ? group : null,
            Provider = ProviderId.TryParse(Provider, out var provider) ? provider : null,
            Policy = PolicyId.TryParse(Policy, out var policy) ? policy : null,
            Model = Text(Model),
            Session = Text(Session),
            Refusal = Text(Refusal),
            Allowed = Decision switch { "allowed" => true, "denied" => false, _ => null },
        };
    }

    /// <summary>The same filter in the words of <c>GET /api/agent-network/access-logs</c>.</summary>
    internal string ToAddress(ViewerClock clock)
    {
        var query = ToQuery(clock);
        return PageAddress.Join(
        [
            ("from", Time(query.From)), ("to", Time(query.To)), ("user", query.User?.Value), ("group", query.Group?.Value),
            ("provider", query.Provider?.Value), ("policy", query.Policy?.Value), ("model", query.Model), ("session", query.Session),
            ("refusal", query.Refusal), ("decision", Decision),
        ]);
    }

    /// <summary>As the page's own address has it; <see cref="Read"/> takes it back.</summary>
    internal (string Name, string? Value)[] ToParts() =>
    [
        .. Range.ToParts(), ("user", User), ("group", Group), ("provider", Provider), ("policy", Policy), ("model", Model),
        ("session", Session), ("decision", Decision), ("refusal", Refusal),
    ];

    /// <summary>What an address asks for; what it does not say is any.</summary>
    internal static UsageFilter Read(Func<string, string?> find) => new()
    {
        Range = RangeChoice.Read(find) ?? new("Last 24 hours"),
        User = find("user"),
        Group = find("group"),
        Provider = find("provider"),
        Policy = find("policy"),
        Model = find("model"),
        Session = find("session"),
        Decision = find("decision") switch { "allowed" => "allowed", "denied" => "denied", _ => null },
        Refusal = find("refusal"),
    };

    private static string? Text(string? value) => string.IsNullOrWhiteSpace(value) ? null : value.Trim();

    private static string? Time(DateTimeOffset? time) => time?.UtcDateTime.ToString("o", CultureInfo.InvariantCulture);
}
