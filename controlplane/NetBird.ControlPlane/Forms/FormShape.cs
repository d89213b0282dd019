namespace NetBird.ControlPlane.Forms;

/// <summary>What a form asks for, written down while it reads an empty object: so what is documented is what is read.</summary>
internal sealed class FormShape
{
    private readonly Dictionary<string, FieldShape> _fields = new(StringComparer.Ordinal);

    /// <summary>In the order they are asked for; those that are taken and not read come as <see cref="FieldShape.Kind"/> null.</summary>
    public IReadOnlyCollection<FieldShape> Fields => _fields.Values;

    /// <summary>Runs a form's reader over nothing and keeps what it asks for; what it refuses or makes of that is forgotten.</summary>
    public static FormShape Of(Action<Form> read)
    {
        var shape = new FormShape();
        read(Form.Asking(shape));
        return shape;
    }

    public FieldShape Field(string name, FormKind kind)
    {
        if (!_fields.TryGetValue(name, out var field))
        {
            _fields[name] = field = new(name);
        }

        field.Kind = kind;
        return field;
    }

    public void Ignore(string name) => _fields.TryAdd(name, new(name));

    public void Require(string name)
    {
        if (!_fields.TryGetValue(name, out var field))
        {
            _fields[name] = field = new(name);
        }

        field.Required = true;
    }
}

/// <summary>One field of a <see cref="FormShape"/>.</summary>
internal sealed class FieldShape(string name)
{
    public string Name => name;

    /// <summary>Null: answers carry it, and it is taken back without being read.</summary>
    public FormKind? Kind { get; set; }

    public bool Required { get; set; }

    /// <summary>Characters of a text, or of each text of a list.</summary>
    public int? MaxLength { get; set; }

    /// <inheritdoc cref="MaxLength"/>
    public int? MinLength { get; set; }

    /// <summary>Of a number, inclusive.</summary>
    public decimal? Min { get; set; }

    /// <inheritdoc cref="Min"/>
    public decimal? Max { get; set; }

    /// <summary>A number without decimals.</summary>
    public bool Whole { get; set; }

    /// <summary>A text that is a moment.</summary>
    public bool Time { get; set; }

    /// <summary>A text that is one of these.</summary>
    public IReadOnlyList<string>? Choices { get; set; }

    /// <summary>Of an object, or of each object of a list.</summary>
    public FormShape? Part { get; set; }
}
