namespace NetBird.ControlPlane.Usage.Sums;

/// <summary>A query's filters over sums. Sessions are not in them: such a query must read rows.</summary>
internal sealed class SumMatch
{
    private readonly UsageQuery _query;
    private readonly WordPool _words;
    private readonly int _user;
    private readonly int _charged;
    private readonly int _provider;
    private readonly int _policy;
    private readonly int _model;
    private readonly Dictionary<int, bool> _inGroup = [];

    public SumMatch(UsageQuery query, string? charged, WordPool words)
    {
        (_query, _words) = (query, words);
        _charged = Find(charged);
        _user = Find(query.User?.Value);
        _provider = Find(query.Provider?.Value);
        _policy = Find(query.Policy?.Value);
        _model = Find(query.Model);
    }

    /// <summary>A filter names something that no sum has.</summary>
    public bool Nothing { get; private set; }

    /// <summary>The person's number, whose sums lie together in every hour; null: anyone's.</summary>
    public int? User => _user < 0 ? null : _user;

    public bool Is(SumKey key)
        => (_user < 0 || key.User == _user)
            && (_charged < 0 || key.Charged == _charged)
            && (_provider < 0 || key.Provider == _provider)
            && (_policy < 0 || key.Policy == _policy)
            && (_model < 0 || key.Model == _model)
            && (_query.Allowed is null || key.Denied != _query.Allowed)
            && (_query.Group is null || InGroup(key.Groups));

    private int Find(string? word)
    {
        if (word is null)
        {
            return -1;
        }

        // The empty model is number 0: refused before a model was known.
        var number = word.Length == 0 ? 0 : _words.Find(word);
        Nothing |= number < 0;
        return number;
    }

    private bool InGroup(int groups)
    {
        if (!_inGroup.TryGetValue(groups, out var member))
        {
            member = _words[groups].Split(' ').Contains(_query.Group!.Value.Value, StringComparer.Ordinal);
            _inGroup.Add(groups, member);
        }

        return member;
    }
}
