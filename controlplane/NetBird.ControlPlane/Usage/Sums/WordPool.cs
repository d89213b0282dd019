using System.Text;

namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>Words as numbers, so that a sum's key is a few integers. 0 is no word. Grows with people, groups and models only.</summary>
internal sealed class WordPool
{
    private const int Short = 256;

    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _bySpan;
    private readonly List<string> _words = [""];

    public WordPool() => _bySpan = _numbers.GetAlternateLookup<ReadOnlySpan<char>>();

    public string this[int number] => _words[number];

    /// <summary>With the one that is no word.</summary>
    public int Count => _words.Count;

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

    /// <summary>As <see cref="Number(string?)"/>, of UTF-8: most words of a ledger that is opened are known already.</summary>
    public int Number(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty)
        {
            return 0;
        }

        if (utf8.Length > Short)
        {
            return Number(Encoding.UTF8.GetString(utf8));
        }

        Span<char> text = stackalloc char[Short];
        ReadOnlySpan<char> word = text[..Encoding.UTF8.GetChars(utf8, text)];
        return _bySpan.TryGetValue(word, out var number) ? number : Number(word.ToString());
    }

    /// <summary>For each number where its word stands in ordinal order.</summary>
    public int[] Ranks()
    {
        var numbers = Enumerable.Range(0, _words.Count).ToArray();
        Array.Sort(_words.ToArray(), numbers, StringComparer.Ordinal);
        var ranks = new int[numbers.Length];
        for (var rank = 0; rank < numbers.Length; rank++)
        {
            ranks[numbers[rank]] = rank;
        }

        return ranks;
    }

    /// <summary>-1 for a word that no sum has.</summary>
    public int Find(string word) => _numbers.GetValueOrDefault(word, -1);
}
