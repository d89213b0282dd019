namespace NetBird.Policy.Pricing;

/// <summary>Model ids as providers and tools write them, brought to the form of the price table.</summary>
internal static class ModelName
{
    /// <summary>
    /// Takes off what does not change the price: a provider's prefix (<c>us.anthropic.</c>, <c>anthropic/</c>), a release
    /// date (<c>-20261001</c>, <c>@20261001</c>), <c>-latest</c>, a platform version (<c>-v1:0</c>), a context
    /// suffix (<c>[1m]</c>); and writes <c>4.5</c> as <c>4-5</c>.
    /// </summary>
    public static string Normalise(string model)
    {
        var text = model.AsSpan().Trim();
        var claude = text.IndexOf("claude-", StringComparison.OrdinalIgnoreCase);
        if (claude > 0 && text[claude - 1] is '.' or '/')
        {
            text = text[claude..];
        }

        var end = text.IndexOfAny('@', ':', '[');
        text = end > 0 ? text[..end] : text;
        text = CutPlatformVersion(text);
        text = text.EndsWith("-latest", StringComparison.OrdinalIgnoreCase) ? text[..^"-latest".Length] : text;
        text = CutDate(text);
        return text.Contains('.') ? text.ToString().Replace('.', '-') : text.ToString();
    }

    /// <summary>
    /// The known id that <paramref name="model"/> is a variant of: the longest that it begins with, the rest not
    /// beginning with another version number (<c>claude-opus-5-5-preview</c> is opus 5.5; <c>claude-opus-5-7</c> is not opus 5).
    /// </summary>
    public static string? Base(string model, Func<string, bool> isKnown)
    {
        for (var cut = model.LastIndexOf('-'); cut > 0; cut = model.LastIndexOf('-', cut - 1))
        {
            var head = model[..cut];
            if (!IsVersionNumber(FirstSegment(model.AsSpan(cut + 1))) && isKnown(head))
            {
                return head;
            }
        }

        return null;
    }

    private static ReadOnlySpan<char> FirstSegment(ReadOnlySpan<char> text)
    {
        var dash = text.IndexOf('-');
        return dash < 0 ? text : text[..dash];
    }

    private static bool IsVersionNumber(ReadOnlySpan<char> segment)
        => segment.Length is 1 or 2 && !segment.ContainsAnyExceptInRange('0', '9');

    private static ReadOnlySpan<char> CutDate(ReadOnlySpan<char> text)
        => text.Length > 9 && text[^9] == '-' && !text[^8..].ContainsAnyExceptInRange('0', '9') ? text[..^9] : text;

    private static ReadOnlySpan<char> CutPlatformVersion(ReadOnlySpan<char> text)
    {
        var dash = text.LastIndexOf('-');
        var last = text[(dash + 1)..];
        return dash > 0 && last.Length is 2 or 3 && last[0] == 'v' && !last[1..].ContainsAnyExceptInRange('0', '9')
            ? text[..dash]
            : text;
    }
}
