using System.Collections.Immutable;
using System.Globalization;

namespace NetBird.ControlPlane.Forms;

/// <summary>
/// Reads an object field by field and collects everything that is wrong with it; a field that nobody asked for is
/// wrong too. A field that is absent keeps the value it is given as default.
/// </summary>
internal sealed class Form
{
    /// <summary>Most items taken in one list. Ours: more belongs into groups.</summary>
    private const int MaxItems = 10_000;

    private readonly FormNode _node;
    private readonly string _path;
    private readonly List<FormError> _errors;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly FormShape? _shape;

    public Form(FormNode node)
        : this(node, "", [])
    {
    }

    private Form(FormNode node, string path, List<FormError> errors, FormShape? shape = null)
    {
        _shape = shape;
        _node = node;
        _path = path;
        _errors = errors;
        if (node.Kind != FormKind.Object)
        {
            Fail(node, "", "This must be an object.");
        }
    }

    public bool IsValid => _errors.Count == 0;

    public IReadOnlyList<FormError> Errors => _errors;

    public FormPlace? Place => _node.Place;

    /// <summary>Reads nothing, and writes down what is asked for.</summary>
    public static Form Asking(FormShape shape) => new(FormNode.Object([]), "", [], shape);

    /// <summary>Whether the field is there and not null; while it is written down what is asked for, every one is.</summary>
    public bool Has(string name) => _shape is not null || Find(name) is { Kind: not FormKind.Null };

    /// <summary>Fields that answers carry and people may send back; their value is not read.</summary>
    public Form Ignore(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            _known.Add(name);
            _shape?.Ignore(name);
        }

        return this;
    }

    /// <summary>Text without control characters, trimmed.</summary>
    public string Text(string name, string absent, int maxLength, int minLength = 0)
    {
        if (_shape?.Field(name, FormKind.String) is { } asked)
        {
            (asked.MinLength, asked.MaxLength) = (minLength == 0 ? null : minLength, maxLength);
        }

        if (Value(name, FormKind.String, "text") is not { } node)
        {
            return Missing(name) ? absent : "";
        }

        var text = node.Text.Trim();
        if (text.Length < minLength)
        {
            Fail(node, name, minLength == 1 ? "This must not be empty." : $"This has at least {minLength} characters.");
        }
        else if (text.Length > maxLength)
        {
            Fail(node, name, $"This has at most {maxLength} characters, not {text.Length}.");
        }
        else if (text.Any(char.IsControl))
        {
            Fail(node, name, "This must not contain control characters.");
        }
        else if (HasLoneSurrogate(text))
        {
            Fail(node, name, "This is not valid Unicode.");
        }

        return text;
    }

    /// <summary>Text as it was written, lines and all; empty when absent.</summary>
    public string Verbatim(string name) => Value(name, FormKind.String, "text")?.Text ?? "";

    /// <summary>A name: required where there is none yet.</summary>
    public string Name(string name, string? absent)
    {
        if (absent is null)
        {
            Require(name);
        }

        return Text(name, absent ?? "", maxLength: 128, minLength: 1);
    }

    public bool Flag(string name, bool absent)
        => Value(name, FormKind.Boolean, "true or false") is { } node ? node.Text == "true" : absent;

    public long Whole(string name, long absent, long min, long max)
    {
        if (_shape?.Field(name, FormKind.Number) is { } asked)
        {
            (asked.Min, asked.Max, asked.Whole) = (min, max, true);
        }

        if (Value(name, FormKind.Number, "a number") is not { } node)
        {
            return absent;
        }

        if (!decimal.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            || number != decimal.Truncate(number) || number < min || number > max)
        {
            Fail(node, name, $"This is a whole number from {min} to {max}.");
            return absent;
        }

        return (long)number;
    }

    /// <summary>An amount with at most <paramref name="decimals"/> decimals, from 0.</summary>
    public decimal? Amount(string name, decimal? absent, decimal max, int decimals)
    {
        if (_shape?.Field(name, FormKind.Number) is { } asked)
        {
            (asked.Min, asked.Max) = (0, max);
        }

        if (Value(name, FormKind.Number, "a number") is not { } node)
        {
            return absent;
        }

        if (!decimal.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            || number < 0 || number > max || decimal.Round(number, decimals) != number)
        {
            Fail(node, name, $"This is a number from 0 to {max} with at most {decimals} decimals.");
            return absent;
        }

        return number;
    }

    /// <summary>A moment, UTC where it names no offset; null where it is not given. An empty text is no moment, rather than none.</summary>
    public DateTimeOffset? Time(string name)
    {
        var text = Text(name, "", maxLength: 40);
        if (_shape?.Field(name, FormKind.String) is { } asked)
        {
            asked.Time = true;
        }

        if (Find(name) is not { Kind: FormKind.String })
        {
            return null;
        }

        if (Moment.TryParse(text, out var time))
        {
            return time;
        }

        Fail(name, "This is a time such as 2026-11-24T12:00:00Z.");
        return null;
    }

    /// <summary>One of a closed set of names.</summary>
    public T Choice<T>(string name, T absent, params ReadOnlySpan<(string Name, T Value)> choices)
    {
        var names = new List<string>();
        foreach (var choice in choices)
        {
            names.Add(choice.Name);
        }

        if (_shape?.Field(name, FormKind.String) is { } asked)
        {
            asked.Choices = names;
        }

        if (Value(name, FormKind.String, "text") is not { } node)
        {
            return absent;
        }

        foreach (var choice in choices)
        {
            if (choice.Name == node.Text)
            {
                return choice.Value;
            }
        }

        Fail(node, name, $"This is one of {string.Join(", ", names)}.");
        return absent;
    }

    /// <summary>A list of references or other texts, each resolved by <paramref name="parse"/>; what it answers null to is wrong.</summary>
    public ImmutableArray<T>? List<T>(string name, Func<string, T?> parse, Func<string, string> objection)
        where T : struct
    {
        if (Value(name, FormKind.Array, "a list") is not { } node || !Fits(node, name))
        {
            return null;
        }

        var items = ImmutableArray.CreateBuilder<T>();
        for (var i = 0; i < node.Items.Count; i++)
        {
            var item = node.Items[i];
            if (item.Kind != FormKind.String)
            {
                Fail(item, $"{name}[{i}]", "This must be text.");
            }
            else if (parse(item.Text) is { } value)
            {
                items.Add(value);
            }
            else
            {
                Fail(item, $"{name}[{i}]", objection(Shorten(item.Text)));
            }
        }

        return items.ToImmutable();
    }

    /// <summary>A list of plain texts.</summary>
    public ImmutableArray<string>? Texts(string name, int maxLength)
    {
        if (_shape?.Field(name, FormKind.Array) is { } asked)
        {
            (asked.MinLength, asked.MaxLength) = (1, maxLength);
        }

        if (Value(name, FormKind.Array, "a list") is not { } node || !Fits(node, name))
        {
            return null;
        }

        var items = ImmutableArray.CreateBuilder<string>();
        for (var i = 0; i < node.Items.Count; i++)
        {
            var item = node.Items[i];
            if (item.Kind != FormKind.String || item.Text.Length is 0 || item.Text.Length > maxLength || item.Text.Any(char.IsControl))
            {
                Fail(item, $"{name}[{i}]", $"This must be text of 1 to {maxLength} characters.");
            }
            else
            {
                items.Add(item.Text);
            }
        }

        return items.ToImmutable();
    }

    /// <summary>The object under a name, or null when absent. The caller reads it and then calls <see cref="RefuseUnknown"/> on it.</summary>
    public Form? Part(string name)
        => _shape is not null ? Asking(_shape.Field(name, FormKind.Object).Part ??= new())
            : Value(name, FormKind.Object, "an object") is { } node ? new(node, Join(name), _errors) : null;

    /// <summary>The objects of the list under a name, or null when absent.</summary>
    public ImmutableArray<Form>? Parts(string name)
    {
        if (_shape is not null)
        {
            return [Asking(_shape.Field(name, FormKind.Array).Part ??= new())];
        }

        if (Value(name, FormKind.Array, "a list") is not { } node || !Fits(node, name))
        {
            return null;
        }

        return [.. node.Items.Select((item, i) => new Form(item, Join($"{name}[{i}]"), _errors))];
    }

    /// <summary>An object that somebody else reads, as JSON; null when absent.</summary>
    public System.Text.Json.JsonElement? Json(string name)
        => Value(name, FormKind.Object, "an object") is { } node ? JsonForm.ElementOf(node) : null;

    public void Require(string name)
    {
        _shape?.Require(name);
        if (Missing(name))
        {
            Fail(_node, name, "This is required.");
        }
    }

    /// <summary>Records an error of a rule that the form itself does not know.</summary>
    public void Fail(string name, string message) => Fail(Find(name) ?? _node, name, message);

    /// <summary>Ends the reading of this object: fields that were not asked for are wrong.</summary>
    public void RefuseUnknown()
    {
        foreach (var field in _node.Fields)
        {
            if (!_known.Contains(field.Name))
            {
                var closest = Spelling.Closest(field.Name, _known);
                _errors.Add(new(
                    Join(Shorten(field.Name)),
                    "There is no such field." + (closest is null ? "" : $" Did you mean '{closest}'?"),
                    field.Place));
            }
        }
    }

    private static bool HasLoneSurrogate(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(text[i]))
            {
                return true;
            }
        }

        return false;
    }

    // What is echoed back is bounded: it is somebody else's text.
    private static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "...";

    private bool Fits(FormNode node, string name)
    {
        if (node.Items.Count <= MaxItems)
        {
            return true;
        }

        Fail(node, name, $"This has at most {MaxItems} items.");
        return false;
    }

    private FormNode? Value(string name, FormKind kind, string what)
    {
        _known.Add(name);
        _shape?.Field(name, kind);
        var node = Find(name);
        if (node is null or { Kind: FormKind.Null })
        {
            return null;
        }

        if (node.Kind == kind)
        {
            return node;
        }

        Fail(node, name, $"This must be {what}.");
        return null;
    }

    private FormNode? Find(string name)
    {
        foreach (var field in _node.Fields)
        {
            if (field.Name == name)
            {
                return field.Value;
            }
        }

        return null;
    }

    private bool Missing(string name) => Find(name) is null or { Kind: FormKind.Null };

    private void Fail(FormNode node, string name, string message)
        => _errors.Add(new(name.Length == 0 ? _path : Join(name), message, node.Place));

    private string Join(string name) => _path.Length == 0 ? name : $"{_path}.{name}";
}
