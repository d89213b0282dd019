namespace NetBird.ControlPlane.Forms;

/// <summary>What somebody may have meant.</summary>
internal static class Spelling
{
    /// <summary>The nearest of the names that are known, at most two letters away; null: none is near.</summary>
    public static string? Closest(string name, IReadOnlyCollection<string> known)
        => known.Where(candidate => Distance(candidate, name) <= 2).MinBy(candidate => Distance(candidate, name));

    // Levenshtein; names are short.
    private static int Distance(string a, string b)
    {
        if (Math.Abs(a.Length - b.Length) > 2)
        {
            return int.MaxValue;
        }

        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[b.Length];
    }
}
