using System.Text;

namespace NetBird.Agent.Cli;

/// <summary>Breaks lines between words at a terminal's edge, and begins what follows under the value and not under the name.</summary>
internal static class Fitted
{
    /// <summary>Where the values of <c>status</c> begin.</summary>
    private const int ValueColumn = 16;

    /// <summary>As wide as the terminal; as it is where the result goes elsewhere, such as to a script.</summary>
    /// <param name="column">Where what follows begins; null finds the values of <c>status</c> by itself.</param>
    public static string ToTerminal(string text, int? column = null)
        => Console.IsOutputRedirected || Console.WindowWidth is not (>= 40 and var width) ? text : Fit(text, width, column);

    /// <summary>The same for sentences on standard error.</summary>
    public static string Message(string text)
        => Console.IsErrorRedirected || Console.WindowWidth is not (>= 40 and var width) ? text : Fit(text, width);

    internal static string Fit(string text, int width, int? column = null) => string.Join('\n', text.Split('\n').Select(line => FitLine(line, width, column)));

    private static string FitLine(string line, int width, int? column)
    {
        if (Length(line) <= width)
        {
            return line;
        }

        var start = line.Length - line.TrimStart().Length;
        var indent = column ?? (line.IndexOf(':', StringComparison.Ordinal) is > 0 and < ValueColumn && line.Length > ValueColumn && line[ValueColumn - 1] == ' ' ? ValueColumn : start);
        var fitted = new StringBuilder(line, 0, start, line.Length + 64);
        var reached = start;
        var first = true;
        foreach (var word in line[start..].Split(' '))
        {
            if (!first && reached + 1 + Length(word) > width && reached > indent)
            {
                fitted.Append('\n').Append(' ', indent);
                reached = indent;
            }
            else if (!first)
            {
                fitted.Append(' ');
                reached++;
            }

            fitted.Append(word);
            reached += Length(word);
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
