using System.Text;

namespace NetBird.Agent.Cli;

/// <summary>Breaks lines between words at a terminal's edge, and begins what follows under the value and not under the name.</summary>
internal static class Fitted
{
    /// <summary>Where the values of <c>status</c> begin.</summary>
    private const int ValueColumn = 16;

    /// <summary>As wide as the terminal; as it is where the result goes elsewhere, such as to a script.</summary>
    public static string ToTerminal(string text)
        => Console.IsOutputRedirected || Console.WindowWidth is not (>= 40 and var width) ? text : Fit(text, width);

    internal static string Fit(string text, int width) => string.Join('\n', text.Split('\n').Select(line => FitLine(line, width)));

    private static string FitLine(string line, int width)
    {
        if (Length(line) <= width)
        {
            return line;
        }

        var start = line.Length - line.TrimStart().Length;
        var indent = line.IndexOf(':', StringComparison.Ordinal) is > 0 and < ValueColumn && line.Length > ValueColumn && line[ValueColumn - 1] == ' ' ? ValueColumn : start;
        var fitted = new StringBuilder(line, 0, start, line.Length + 64);
        var column = start;
        var first = true;
        foreach (var word in line[start..].Split(' '))
        {
            if (!first && column + 1 + Length(word) > width && column > indent)
            {
                fitted.Append('\n').Append(' ', indent);
                column = indent;
            }
            else if (!first)
            {
                fitted.Append(' ');
                column++;
            }

            fitted.Append(word);
            column += Length(word);
            first = false;
        }

        return fitted.ToString();
    }

    /// <summary>Columns on the screen: colours (ESC [ ... m) take none.</summary>
    private static int Length(string text)
    {
        var length = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\e')
            {
                i = text.IndexOf('m', i) is > 0 and var end ? end : text.Length;
                continue;
            }

            length++;
        }

        return length;
    }
}
