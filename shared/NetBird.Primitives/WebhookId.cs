using System.Diagnostics.CodeAnalysis;

namespace NetBird.Primitives;

/// <summary>A URL that is told of events.</summary>
/// <param name="Value">1 to 64 characters of <c>A-Z a-z 0-9 _ - .</c></param>
public readonly record struct WebhookId(string Value) : IIdentifier<WebhookId>
{
    /// <summary>A fresh identifier of 100 random bits.</summary>
    public static WebhookId New() => new(Identifier.New());

    /// <summary>Parses text from outside; false for null, empty, too long or a foreign character.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out WebhookId id)
    {
        var valid = Identifier.IsValid(text);
        id = valid ? new(text!) : default;
        return valid;
    }

    /// <summary>Ordinal, so that sets of identifiers have one order everywhere.</summary>
    public int CompareTo(WebhookId other) => string.CompareOrdinal(Value, other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value ?? "";
}
