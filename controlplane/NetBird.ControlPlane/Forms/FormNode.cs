namespace NetBird.ControlPlane.Forms;

/// <summary>
/// What somebody sent, read but not yet understood: one tree for JSON bodies and YAML files, so that REST and
/// <c>apply</c> share every rule. Immutable.
/// </summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">The text of a string, number or boolean; else empty.</param>
/// <param name="Fields">Of an object, in the order written.</param>
/// <param name="Items">Of an array.</param>
/// <param name="Place">Where it stands, or null where lines mean nothing (a REST body).</param>
internal sealed record FormNode(
    FormKind Kind,
    string Text,
    IReadOnlyList<FormField> Fields,
    IReadOnlyList<FormNode> Items,
    FormPlace? Place)
{
    public static FormNode Scalar(FormKind kind, string text, FormPlace? place = null) => new(kind, text, [], [], place);

    public static FormNode Object(IReadOnlyList<FormField> fields, FormPlace? place = null)
        => new(FormKind.Object, "", fields, [], place);

    public static FormNode Array(IReadOnlyList<FormNode> items, FormPlace? place = null)
        => new(FormKind.Array, "", [], items, place);
}

/// <summary>A named value of an object.</summary>
internal sealed record FormField(string Name, FormNode Value, FormPlace? Place);

/// <summary>Line and column in a file, from 1.</summary>
internal readonly record struct FormPlace(long Line, long Column);

/// <summary>What a node is.</summary>
internal enum FormKind
{
    Null,
    Object,
    Array,
    String,
    Number,
    Boolean,
}
