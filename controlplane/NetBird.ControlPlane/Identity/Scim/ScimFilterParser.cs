using System.Globalization;
using System.Text;
using System.Text.Json;

namespace NetBird.ControlPlane.Identity.Scim;

/// <summary>Reads filters: <c>or</c> binds weaker than <c>and</c>, that weaker than <c>not</c>. Bounded in length and depth.</summary>
internal sealed class ScimFilterParser
{
    private const int Longest = 4096;
    private const int Deepest = 20;

    private static readonly string[] Operators = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"];

    private readonly string _text;

    // Of the resource, or of one value of a list.
    private readonly ScimSchema? _schema;
    private readonly ScimAttribute? _list;
    private int _at;
    private int _depth;

    private ScimFilterParser(string text, ScimSchema? schema, ScimAttribute? list) => (_text, _schema, _list) = (text, schema, list);

    /// <exception cref="ScimException">invalidFilter.</exception>
    public static ScimFilter Parse(string text, ScimSchema schema) => new ScimFilterParser(text, schema, null).Whole();

    /// <summary>A filter between brackets.</summary>
    public static ScimFilter Parse(string text, ScimAttribute list) => new ScimFilterParser(text, null, list).Whole();

    private ScimFilter Whole()
    {
        if (_text.Length > Longest)
        {
            throw Wrong($"A filter has at most {Longest} characters.");
        }

        var filter = Either();
        Space();
        return _at == _text.Length ? filter : throw Wrong($"Nothing is expected at character {_at + 1} any more.");
    }

    private ScimFilter Either()
    {
        if (++_depth > Deepest)
        {
            throw Wrong("The filter is nested too deeply.");
        }

        var left = Both();
        while (Takes("or"))
        {
            left = new ScimFilter.Or(left, Both());
        }

        _depth--;
        return left;
    }

    private ScimFilter Both()
    {
        var left = One();
        while (Takes("and"))
        {
            left = new ScimFilter.And(left, One());
        }

        return left;
    }

    private ScimFilter One()
    {
        Space();
        if (Takes("not"))
        {
            Space();
            return _at < _text.Length && _text[_at] == '(' ? new ScimFilter.Not(Grouped()) : throw Wrong("After 'not' comes '('.");
        }

        if (_at < _text.Length && _text[_at] == '(')
        {
            return Grouped();
        }

        var (attribute, extension, part, opened) = Attribute();
        if (opened)
        {
            var end = Closing();
            var inner = Parse(_text[_at..end], attribute);
            _at = end + 1;
            return new ScimFilter.Among(attribute.Name, inner);
        }

        var comparison = Word().ToLowerInvariant();
        if (!Operators.Contains(comparison))
        {
            throw Wrong($"At character {_at + 1} one of {string.Join(", ", Operators)} is expected.");
        }

        var value = comparison == "pr" ? null : Value();
        if (value is bool && comparison is not ("eq" or "ne"))
        {
            throw Wrong("true and false are only equal or not.");
        }

        return new ScimFilter.Compare(attribute, extension, part, comparison, value);
    }

    private ScimFilter Grouped()
    {
        _at++;
        var inner = Either();
        Space();
        if (_at >= _text.Length || _text[_at] != ')')
        {
            throw Wrong("A '(' is not closed.");
        }

        _at++;
        return inner;
    }

    private (ScimAttribute Attribute, string? Extension, ScimAttribute? Part, bool Opened) Attribute()
    {
        Space();
        var start = _at;
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] is '.' or ':' or '_' or '-' or '$'))
        {
            _at++;
        }

        var name = _text[start.._at];
        if (name.Length == 0)
        {
            throw Wrong($"At character {start + 1} an attribute is expected.");
        }

        var opened = _at < _text.Length && _text[_at] == '[';
        if (opened)
        {
            _at++;
        }

        try
        {
            if (_list is not null)
            {
                return _list.Part(name) is { } own && !opened ? (own, null, null, false) : throw Wrong("Between brackets stands a sub-attribute of the list.");
            }

            var path = ScimPath.Parse(_schema!, name); // one of the two is set
            return path.Attribute is { } attribute && (!opened || (attribute.IsMany && path.Part is null))
                ? (attribute, path.Extension?.Id, path.Part, opened)
                : throw Wrong("The filter names something that has no value to compare.");
        }
        catch (ScimException fault) when (fault.ScimType == "invalidPath")
        {
            throw Wrong(fault.Message);
        }
    }

    // The bracket that ends the inner filter; one in a text does not.
    private int Closing()
    {
        var quoted = false;
        for (var i = _at; i < _text.Length; i++)
        {
            if (quoted && _text[i] == '\\')
            {
                i++;
            }
            else if (_text[i] == '"')
            {
                quoted = !quoted;
            }
            else if (!quoted && _text[i] == ']')
            {
                return i;
            }
        }

        throw Wrong("A '[' is not closed.");
    }

    private object? Value()
    {
        Space();
        if (_at < _text.Length && _text[_at] == '"')
        {
            return Quoted();
        }

        var word = Word();
        return word switch
        {
            "true" => true,
            "false" => false,
            "null" => null,
            _ when decimal.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
            _ => throw Wrong($"At character {_at + 1} a value is expected: a text in double quotes, true, false or null."),
        };
    }

    private string Quoted()
    {
        var text = new StringBuilder("\"");
        for (var i = _at + 1; i < _text.Length; i++)
        {
            text.Append(_text[i]);
            if (_text[i] == '\\' && i + 1 < _text.Length)
            {
                text.Append(_text[++i]);
            }
            else if (_text[i] == '"')
            {
                _at = i + 1;
                try
                {
                    return JsonSerializer.Deserialize<string>(text.ToString()) ?? "";
                }
                catch (JsonException)
                {
                    throw Wrong("A text in the filter is not written as JSON writes texts.");
                }
            }
        }

        throw Wrong("A text in the filter is not closed.");
    }

    private string Word()
    {
        Space();
        var start = _at;
        while (_at < _text.Length && !char.IsWhiteSpace(_text[_at]) && _text[_at] is not ('(' or ')' or '[' or ']' or '"'))
        {
            _at++;
        }

        return _text[start.._at];
    }

    private bool Takes(string word)
    {
        Space();
        if (string.Compare(_text, _at, word, 0, word.Length, StringComparison.OrdinalIgnoreCase) != 0
            || _at + word.Length >= _text.Length || !(char.IsWhiteSpace(_text[_at + word.Length]) || _text[_at + word.Length] == '('))
        {
            return false;
        }

        _at += word.Length;
        return true;
    }

    private void Space()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at]))
        {
            _at++;
        }
    }

    private static ScimException Wrong(string detail) => ScimException.InvalidFilter(detail);
}
