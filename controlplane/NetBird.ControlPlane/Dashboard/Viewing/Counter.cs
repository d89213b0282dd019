using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>A counter as pages show it; amounts in tokens or nano-USD. A person is called by name, with the address beside it.</summary>
public sealed record Counter(
    string SourceId, string Source, CapScope Scope, string SubjectId, string Subject, string Address, bool IsMoney, long Used, long Reserved, long Limit, TimeSpan Window, bool Strict, bool Soft, DateTimeOffset? FreesUpAt)
{
    /// <summary>How full it is, 0 to 1 and above.</summary>
    public decimal Fullness { get; } = FullnessOf(Used, Reserved, Limit);

    /// <summary>Whether somebody who typed this looks for it.</summary>
    public bool Has(string text) => new[] { Subject, Address, Source }.Any(part => part.Contains(text, StringComparison.OrdinalIgnoreCase));

    public string Text(long value) => IsMoney ? Figures.Usd(new NanoUsd(value)) : Figures.Count(value);

    internal static decimal FullnessOf(CounterReading reading) => FullnessOf(reading.Used, reading.Reserved, reading.Cap.Limit);

    private static decimal FullnessOf(long used, long reserved, long limit) => limit <= 0 ? 0 : ((decimal)used + reserved) / limit;

    internal static Counter Of(CounterReading reading, DisplayNames names)
    {
        var counter = reading.Cap.Counter;
        var subject = counter.Scope switch
        {
            CapScope.User => names.User(new UserId(counter.Subject)),
            CapScope.Group => "Group " + names.Group(new GroupId(counter.Subject)),
            _ => "Everyone",
        };
        var address = counter.Scope is CapScope.User ? names.Address(new UserId(counter.Subject)) : "";
        return new(counter.Source, reading.Cap.SourceName, counter.Scope, counter.Subject, subject, address, reading.Cap.Unit is CapUnit.NanoUsd,
            reading.Used, reading.Reserved, reading.Cap.Limit, reading.Cap.Window, reading.Cap.Strict, reading.Cap.Soft, reading.FreesUpAt);
    }
}
