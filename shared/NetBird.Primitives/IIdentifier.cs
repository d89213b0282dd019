using System.Diagnostics.CodeAnalysis;

namespace NetBird.Primitives;

/// <summary>What every identifier has in common, for code that handles any of them: stores, converters, routes.</summary>
/// <typeparam name="TSelf">The identifier.</typeparam>
public interface IIdentifier<TSelf> : IComparable<TSelf>, IEquatable<TSelf>
    where TSelf : struct, IIdentifier<TSelf>
{
    /// <summary>1 to 64 characters of <c>A-Z a-z 0-9 _ - .</c></summary>
    string Value { get; }

    /// <summary>Parses text from outside; false for null, empty, too long or a foreign character.</summary>
    static abstract bool TryParse([NotNullWhen(true)] string? text, out TSelf id);
}
