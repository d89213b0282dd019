using System.Diagnostics.CodeAnalysis;

namespace NetBird.Primitives;

/// <summary>A key that enrols machines without a person.</summary>
/// <param name="Value">1 to 64 characters of <c>A-Z a-z 0-9 _ - .</c></param>
public readonly record struct SetupKeyId(string Value) : IIdentifier<SetupKeyId>
{
    /// <summary>A fresh identifier of 100 random bits.</summary>
    public static SetupKeyId New() => new(Identifier.New());

    /// <summary>Parses text from outside; false for null, empty, too long or a foreign character.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out SetupKeyId id)
    {
        var valid = Identifier.IsValid(text);
        id = valid ? new(text!) : default;
        return valid;
    }

    /// <summary>Ordinal, so that sets of identifiers have one order everywhere.</summary>
    public int CompareTo(SetupKeyId other) => string.CompareOrdinal(Value, other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value ?? "";
}
