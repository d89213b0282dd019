using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace NetBird.Agent.ClaudeCode;

/// <summary>
/// Changes single values in JSON text and leaves every other character as it was: order, indentation, comments,
/// trailing commas. Offsets are of the UTF-8 form, which the reader reports.
/// </summary>
internal static class JsonText
{
    private static readonly JsonReaderOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 64 };

    /// <summary>A string as people write it: quotes are escaped, apostrophes and slashes are not.</summary>
    public static string Quote(string value) => $"\"{JsonEncodedText.Encode(value, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    /// <summary>The raw text of a value; null when it is not there.</summary>
    /// <exception cref="JsonException">The text is not JSON, or not an object.</exception>
    public static string? Get(string text, params ReadOnlySpan<string> path)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var span = Root(bytes);
        foreach (var name in path)
        {
            if (bytes[span.Start] != '{' || Property(bytes, span, name) is not { } found)
            {
                return null;
            }

            span = found.Value;
        }

        return Encoding.UTF8.GetString(bytes, span.Start, span.End - span.Start);
    }

    /// <summary>Sets a value, making the objects on the way where they are missing.</summary>
    public static string Set(string text, string value, params ReadOnlySpan<string> path)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var scope = Root(bytes);
        for (var depth = 0; depth < path.Length; depth++)
        {
            if (bytes[scope.Start] != '{')
            {
                throw new JsonException($"'{string.Join('.', path[..depth].ToArray())}' is not an object.");
            }

            if (Property(bytes, scope, path[depth]) is not { } found)
            {
                for (var inner = path.Length - 1; inner > depth; inner--)
                {
                    value = $"{{\n{Indent(bytes, scope, 1 + inner - depth)}{Quote(path[inner])}: {value}\n{Indent(bytes, scope, inner - depth)}}}";
                }

                return Encoding.UTF8.GetString(Insert(bytes, scope, path[depth], value));
            }

            scope = found.Value;
        }

        return Encoding.UTF8.GetString(Splice(bytes, scope.Start, scope.End, value));
    }

    /// <summary>Takes a property out with its comma and line.</summary>
    public static string Remove(string text, params ReadOnlySpan<string> path)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var scope = Root(bytes);
        for (var depth = 0; depth < path.Length; depth++)
        {
            if (bytes[scope.Start] != '{' || Property(bytes, scope, path[depth]) is not { } found)
            {
                return text;
            }

            if (depth == path.Length - 1)
            {
                return Encoding.UTF8.GetString(Cut(bytes, scope, found));
            }

            scope = found.Value;
        }

        return text;
    }

    /// <summary>True for an object without properties.</summary>
    public static bool IsEmptyObject(string raw) => Properties(Encoding.UTF8.GetBytes(raw), Root(Encoding.UTF8.GetBytes(raw))).Count == 0;

    private static Span Root(byte[] bytes)
    {
        var reader = new Utf8JsonReader(bytes, Lenient);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("The settings are not a JSON object.");
        }

        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        var end = (int)reader.BytesConsumed;
        while (reader.Read())
        {
            // To the end, so that trailing rubbish is found before anything is written.
        }

        return new Span(start, end);
    }

    /// <summary>The last one where a name is there twice, as Claude Code's own parser takes it (ECMA-404 leaves it open, ECMA-262 does not).</summary>
    private static Found? Property(byte[] bytes, Span scope, string name) => Properties(bytes, scope).FindLast(property => property.Name == name);

    private static List<Found> Properties(byte[] bytes, Span scope)
    {
        var found = new List<Found>();
        var reader = new Utf8JsonReader(bytes.AsSpan(scope.Start, scope.End - scope.Start), Lenient);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            var nameStart = scope.Start + (int)reader.TokenStartIndex;
            reader.Read();
            var valueStart = scope.Start + (int)reader.TokenStartIndex;
            reader.Skip();
            found.Add(new Found(name, nameStart, new Span(valueStart, scope.Start + (int)reader.BytesConsumed)));
        }

        return found;
    }

    private static byte[] Insert(byte[] bytes, Span scope, string name, string value)
    {
        var properties = Properties(bytes, scope);
        var member = $"{Quote(name)}: {value}";
        if (properties.Count == 0)
        {
            return Splice(bytes, scope.Start + 1, scope.End - 1,
                $"{Inner(bytes, scope)}\n{Indent(bytes, scope, 1)}{member}\n{Indent(bytes, scope, 0)}");
        }

        var end = properties[^1].Value.End;
        var comma = After(bytes, end, (byte)',');
        var lineBreak = OnOwnLine(bytes, properties[0].NameStart) ? "\n" + Indent(bytes, scope, 1) : " ";
        return comma is { } at
            ? Splice(bytes, at + 1, at + 1, lineBreak + member + ",")
            : Splice(bytes, end, end, "," + lineBreak + member);
    }

    /// <summary>Comments in an object without properties, which are kept.</summary>
    private static string Inner(byte[] bytes, Span scope)
        => Encoding.UTF8.GetString(bytes, scope.Start + 1, scope.End - scope.Start - 2).TrimEnd();

    private static byte[] Cut(byte[] bytes, Span scope, Found property)
    {
        var start = property.NameStart;
        while (start > scope.Start + 1 && bytes[start - 1] is (byte)' ' or (byte)'\t')
        {
            start--;
        }

        var ownLine = bytes[start - 1] == '\n';
        if (After(bytes, property.Value.End, (byte)',') is { } comma)
        {
            var end = comma + 1;
            if (ownLine)
            {
                var line = end;
                while (line < scope.End && bytes[line] is (byte)' ' or (byte)'\t' or (byte)'\r')
                {
                    line++;
                }

                // The whole line goes when nothing else, such as a comment, stands on it.
                end = bytes[line] == '\n' ? line + 1 : end;
            }

            return Splice(bytes, ownLine ? start : property.NameStart, end, "");
        }

        // The last one: the comma before it goes too.
        var properties = Properties(bytes, scope);
        var index = properties.FindIndex(other => other.NameStart == property.NameStart);
        if (index == 0)
        {
            return Splice(bytes, scope.Start + 1, scope.End - 1, "");
        }

        var before = After(bytes, properties[index - 1].Value.End, (byte)',')!.Value;
        var without = Splice(bytes, before, before + 1, "");
        var from = ownLine ? start - 1 : property.NameStart;
        return Splice(without, from - 1, property.Value.End - 1, "");
    }

    /// <summary>Where <paramref name="wanted"/> is when only blanks and comments come before it.</summary>
    private static int? After(byte[] bytes, int at, byte wanted)
    {
        while (at < bytes.Length)
        {
            if (bytes[at] == wanted)
            {
                return at;
            }

            if (bytes[at] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
            {
                at++;
            }
            else if (bytes[at] == '/' && bytes[at + 1] == '/')
            {
                while (at < bytes.Length && bytes[at] != '\n')
                {
                    at++;
                }
            }
            else if (bytes[at] == '/' && bytes[at + 1] == '*')
            {
                at += 2;
                while (bytes[at] != '*' || bytes[at + 1] != '/')
                {
                    at++;
                }

                at += 2;
            }
            else
            {
                return null;
            }
        }

        return null;
    }

    private static bool OnOwnLine(byte[] bytes, int at)
    {
        while (at > 0 && bytes[at - 1] is (byte)' ' or (byte)'\t')
        {
            at--;
        }

        return at > 0 && bytes[at - 1] == '\n';
    }

    /// <summary>The indentation inside an object, by what its text already uses; two blanks a level where it uses none.</summary>
    private static string Indent(byte[] bytes, Span scope, int levels)
    {
        var lineStart = scope.Start;
        while (lineStart > 0 && bytes[lineStart - 1] != '\n')
        {
            lineStart--;
        }

        var outerEnd = lineStart;
        while (bytes[outerEnd] is (byte)' ' or (byte)'\t')
        {
            outerEnd++;
        }

        var outer = Encoding.UTF8.GetString(bytes, lineStart, outerEnd - lineStart);
        var step = bytes.AsSpan().IndexOf("\n\t"u8) >= 0 ? "\t" : bytes.AsSpan().IndexOf("\n    \""u8) >= 0 && bytes.AsSpan().IndexOf("\n  \""u8) < 0 ? "    " : "  ";
        return outer + string.Concat(Enumerable.Repeat(step, levels));
    }

    private static byte[] Splice(byte[] bytes, int start, int end, string with)
        => [.. bytes.AsSpan(0, start), .. Encoding.UTF8.GetBytes(with), .. bytes.AsSpan(end)];

    private readonly record struct Span(int Start, int End);

    private sealed record Found(string Name, int NameStart, Span Value);
}
