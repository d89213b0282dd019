namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>Words as numbers, so that a sum's key is a few integers. 0 is no word. Grows with people, groups and models only.</summary>
internal sealed class WordPool
{
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly List<string> _words = [""];

    public string this[int number] => _words[number];

    public int Number(string? word)
    {
        if (string.IsNullOrEmpty(word))
        {
            return 0;
        }

        if (!_numbers.TryGetValue(word, out var number))
        {
            number = _words.Count;
            _numbers.Add(word, number);
            _words.Add(word);
        }

        return number;
    }

    /// <summary>-1 for a word that no sum has.</summary>
    public int Find(string word) => _numbers.GetValueOrDefault(word, -1);
}
