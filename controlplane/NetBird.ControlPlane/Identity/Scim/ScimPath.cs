namespace NetBird.ControlPlane.Identity.Scim;

/// <summary>Where an attribute is: <c>[URN:]attribute[.part]</c>, with a filter between for a path of PATCH.</summary>
/// <param name="Extension">The extension it is in, or null.</param>
/// <param name="Attribute">The attribute; null: the extension as a whole.</param>
/// <param name="Filter">Which values of a list, or null.</param>
/// <param name="Part">The part of a complex attribute, or null.</param>
internal sealed record ScimPath(ScimSchema? Extension, ScimAttribute? Attribute, ScimFilter? Filter, ScimAttribute? Part)
{
    private const int Longest = 1024;

    /// <summary>Whether writing there is refused.</summary>
    public bool IsReadOnly => Attribute?.IsReadOnly == true || Part?.IsReadOnly == true;

    /// <exception cref="ScimException">It is no path, or of an attribute that we do not know.</exception>
    public static ScimPath Parse(ScimSchema schema, string text)
    {
        if (text.Length is 0 or > Longest)
        {
            throw ScimException.InvalidPath($"A path has 1 to {Longest} characters.");
        }

        var (within, rest) = Within(schema, text);
        if (rest.Length == 0)
        {
            return new(within, null, null, null);
        }

        var bracket = rest.IndexOf('[', StringComparison.Ordinal);
        if (bracket < 0)
        {
            return Plain(schema, within, rest, null);
        }

        var end = rest.LastIndexOf(']');
        if (end < bracket)
        {
            throw ScimException.InvalidPath("A '[' in the path is not closed.");
        }

        var attribute = (within ?? schema).Find(rest[..bracket]) ?? throw Unknown(rest[..bracket]);
        if (!attribute.IsMany)
        {
            throw ScimException.InvalidPath($"{attribute.Name} has one value; a filter chooses among many.");
        }

        var filter = ScimFilterParser.Parse(rest[(bracket + 1)..end], attribute);
        var tail = rest[(end + 1)..];
        if (tail.Length == 0)
        {
            return new(within, attribute, filter, null);
        }

        return tail[0] == '.' && attribute.Part(tail[1..]) is { } part
            ? new(within, attribute, filter, part)
            : throw ScimException.InvalidPath("After ']' comes a dot and a known sub-attribute, or nothing.");
    }

    /// <summary>The schema that a URN before the attribute names, and what is after it.</summary>
    private static (ScimSchema? Extension, string Left) Within(ScimSchema schema, string text)
    {
        if (schema.Extension is { } extension && text.StartsWith(extension.Id, StringComparison.OrdinalIgnoreCase))
        {
            var rest = text[extension.Id.Length..];
            return rest.Length == 0 ? (extension, "") : rest[0] is ':' or '.' ? (extension, rest[1..]) : throw Unknown(text);
        }

        return text.StartsWith(schema.Id + ":", StringComparison.OrdinalIgnoreCase) ? (null, text[(schema.Id.Length + 1)..]) : (null, text);
    }

    private static ScimPath Plain(ScimSchema schema, ScimSchema? within, string text, ScimFilter? filter)
    {
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        var attribute = (within ?? schema).Find(dot < 0 ? text : text[..dot]) ?? throw Unknown(text);
        var part = dot < 0 ? null : attribute.Part(text[(dot + 1)..]) ?? throw Unknown(text);
        return new(within, attribute, filter, part);
    }

    private static ScimException Unknown(string text)
        => ScimException.InvalidPath(text.Length <= 64 && !text.Any(char.IsControl) ? $"There is no attribute '{text}'." : "There is no such attribute.");
}
