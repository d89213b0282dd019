namespace NetBird.Policy;

/// <summary>Model ids with <c>*</c> for any run of characters, also an empty one. Case counts, as it does at the provider.</summary>
public static class ModelPattern
{
    /// <summary>Whether <paramref name="model"/> is one of those that <paramref name="pattern"/> means.</summary>
    public static bool Matches(string pattern, string model) => Matches(pattern.AsSpan(), model.AsSpan());

    /// <summary>
    /// The greedy walk with one point to fall back to: at most pattern times model steps, so no pattern can
    /// take exponential time as a regular expression might.
    /// </summary>
    private static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> model)
    {
        int p = 0, m = 0, star = -1, resume = 0;
        while (m < model.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                resume = m;
            }
            else if (p < pattern.Length && pattern[p] == model[m])
            {
                p++;
                m++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                m = ++resume;
            }
            else
            {
                return false;
            }
        }

        while (p < pattern.Length && pattern[p] == '*')
        {
            p++;
        }

        return p == pattern.Length;
    }
}
