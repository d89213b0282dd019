using System.CommandLine;

namespace NetBird.CommandLine;

/// <summary>What a mistyped word may have meant.</summary>
public static class Suggestion
{
    /// <summary>Ours: two slips of the finger; a word of three letters has no room for two.</summary>
    private const int MostSlips = 2;

    /// <summary>The known word nearest to one that is not known; null where none is near.</summary>
    /// <param name="command">Where it was typed; its subcommands and options are what is known.</param>
    /// <param name="word">As it was typed.</param>
    public static string? For(Command command, string word)
    {
        ArgumentNullException.ThrowIfNull(command);
        ArgumentNullException.ThrowIfNull(word);
        return command.Subcommands.Where(known => !known.Hidden).Select(known => known.Name)
            .Concat(command.Options.Where(known => !known.Hidden).Select(known => known.Name))
            .Select(known => (Known: known, Slips: known.StartsWith(word, StringComparison.Ordinal) && word.Length > 2 ? 0 : Slips(known, word)))
            .Where(found => found.Slips <= Math.Min(MostSlips, word.Length / 2))
            .OrderBy(found => found.Slips)
            .Select(found => found.Known)
            .FirstOrDefault();
    }

    /// <summary>Letters to change, add or leave out (Levenshtein's distance).</summary>
    private static int Slips(string known, string word)
    {
        var row = Enumerable.Range(0, word.Length + 1).ToArray();
        for (var i = 1; i <= known.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= word.Length; j++)
            {
                var changed = diagonal + (known[i - 1] == word[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(changed, 1 + Math.Min(row[j - 1], row[j]));
            }
        }

        return row[word.Length];
    }
}
