using System.Globalization;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace NetBird.ControlPlane.Forms;

/// <summary>
/// Reads YAML, of which JSON is a part, into a form that knows lines and columns. The core schema of YAML 1.2
/// (section 10.3) decides what a plain word is: <c>yes</c> is text. Anchors, aliases and tags are refused: a short
/// file can grow without bound through them, and nobody needs them here.
/// </summary>
internal static partial class YamlForm
{
    private const int MaxDepth = 32;

    /// <exception cref="FormatException">It is no such YAML; the message says where.</exception>
    public static FormNode Parse(string yaml)
    {
        try
        {
            var parser = new Parser(new StringReader(yaml));
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _))
            {
                return FormNode.Object([]);
            }

            parser.Consume<DocumentStart>();
            var node = ReadValue(parser, depth: 0);
            parser.Consume<DocumentEnd>();
            return parser.Accept<StreamEnd>(out _) ? node : throw new FormatException("The file holds more than one document.");
        }
        catch (YamlException fault)
        {
            throw new FormatException(
                $"line {fault.Start.Line}, column {fault.Start.Column}: {fault.InnerException?.Message ?? fault.Message}", fault);
        }
    }

    private static FormNode ReadValue(Parser parser, int depth)
    {
        var next = parser.Current ?? throw new FormatException("The file ends too early.");
        var place = PlaceOf(next.Start);
        if (depth > MaxDepth)
        {
            throw Refuse(place, "This is nested too deep.");
        }

        if (next is NodeEvent { Anchor.IsEmpty: false } or AnchorAlias)
        {
            throw Refuse(place, "Anchors and aliases are not taken.");
        }

        if (next is NodeEvent { Tag: { IsEmpty: false, IsNonSpecific: false } })
        {
            throw Refuse(place, "Tags are not taken.");
        }

        if (parser.TryConsume<Scalar>(out var scalar))
        {
            return Typed(scalar, place);
        }

        if (parser.TryConsume<SequenceStart>(out _))
        {
            var items = new List<FormNode>();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                items.Add(ReadValue(parser, depth + 1));
            }

            return FormNode.Array(items, place);
        }

        parser.Consume<MappingStart>();
        var fields = new List<FormField>();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var keyPlace = PlaceOf(parser.Current.Start);
            if (!parser.TryConsume<Scalar>(out var key))
            {
                throw Refuse(keyPlace, "A field's name must be plain text.");
            }

            if (fields.Exists(field => field.Name == key.Value))
            {
                throw Refuse(keyPlace, $"The field '{key.Value}' is there twice.");
            }

            fields.Add(new(key.Value, ReadValue(parser, depth + 1), keyPlace));
        }

        return FormNode.Object(fields, place);
    }

    private static FormNode Typed(Scalar scalar, FormPlace place)
    {
        var text = scalar.Value;
        if (scalar.Style != ScalarStyle.Plain)
        {
            return FormNode.Scalar(FormKind.String, text, place);
        }

        return text switch
        {
            "" or "~" or "null" or "Null" or "NULL" => FormNode.Scalar(FormKind.Null, "", place),
            "true" or "True" or "TRUE" => FormNode.Scalar(FormKind.Boolean, "true", place),
            "false" or "False" or "FALSE" => FormNode.Scalar(FormKind.Boolean, "false", place),
            _ when Number().IsMatch(text) => FormNode.Scalar(FormKind.Number, text, place),
            _ => FormNode.Scalar(FormKind.String, text, place),
        };
    }

    private static FormPlace PlaceOf(Mark mark) => new(mark.Line, mark.Column);

    private static FormatException Refuse(FormPlace place, string message)
        => new(string.Create(CultureInfo.InvariantCulture, $"line {place.Line}, column {place.Column}: {message}"));

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")]
    private static partial Regex Number();
}
