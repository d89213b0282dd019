using NetBird.ControlPlane.Usage.Sums;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>
/// What refused callers were told, in memory: some eighty bytes for each run of refused requests. A search for a refusal's words is counted here, and
/// only the blocks of the rows that a page shows are read.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class RefusalIndex
{
    /// <summary>Ours: searches that are remembered, a bit for each sentence. A search is counted, paged through and narrowed by the same words.</summary>
    private const int MostWords = 8;

    private readonly Lock _gate = new();
    private readonly Dictionary<long, Entry[]> _blocks = [];
    private readonly Dictionary<string, List<bool>> _said = new(StringComparer.OrdinalIgnoreCase);
    private WordPool _users = new();
    private WordPool _texts = new();
    private SessionFacets _facets = new();
    private int _gone;

    /// <summary>The runs of a block, in place of those it had.</summary>
    public void Replace(long block, IReadOnlyCollection<RefusedRun> runs)
    {
        lock (_gate)
        {
            _blocks[block] = [.. runs.Select(run => new Entry(
                run.First, run.Last, run.Session, _users.Number(run.User), _facets.Number(run.Facet), _texts.Number(run.Text), run.Count))];
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _blocks.Clear();
            Forget();
            _gone = 0;
        }
    }

    /// <summary>Blocks that are gone, and with many of them the words that nobody else has.</summary>
    public void Drop(IEnumerable<long> blocks)
    {
        lock (_gate)
        {
            foreach (var block in blocks)
            {
                _gone += _blocks.Remove(block, out var entries) ? entries.Length : 0;
            }

            if (_gone > _blocks.Values.Sum(entries => (long)entries.Length))
            {
                var (users, facets, texts) = (_users, _facets, _texts);
                Forget();
                foreach (var entries in _blocks.Values)
                {
                    for (var i = 0; i < entries.Length; i++)
                    {
                        entries[i] = entries[i] with
                        {
                            User = _users.Number(users[entries[i].User]), Facet = _facets.Number(facets[entries[i].Facet]), Text = _texts.Number(texts[entries[i].Text]),
                        };
                    }
                }

                _gone = 0;
            }
        }
    }

    /// <summary>
    /// Blocks that have what a search asks for, its session aside: between which times, and how many. Where not <c>Whole</c>, some of what is
    /// counted may lie outside of the range.
    /// </summary>
    public List<(BlockInfo Block, bool Whole)> Find(UsageQuery query)
    {
        var found = new List<(BlockInfo, bool)>();
        lock (_gate)
        {
            var asked = Asked.Of(query, this);
            foreach (var (block, entries) in _blocks)
            {
                var (first, last, count, whole) = (long.MaxValue, long.MinValue, 0, true);
                foreach (ref readonly var entry in entries.AsSpan())
                {
                    if (asked.Has(entry))
                    {
                        (first, last, count) = (Math.Min(first, entry.First), Math.Max(last, entry.Last), count + entry.Count);
                        whole &= asked.Spans(entry);
                    }
                }

                if (count > 0)
                {
                    found.Add((new(block, first, last, count), whole));
                }
            }
        }

        return found;
    }

    /// <summary>When each session was last refused so, as far as these blocks tell; <see cref="RefusedRun.SessionOf"/> says which it is.</summary>
    /// <param name="query">What is asked for.</param>
    /// <param name="except">Blocks that are left out.</param>
    public Dictionary<UInt128, long> Sessions(UsageQuery query, IReadOnlySet<long> except)
    {
        var found = new Dictionary<UInt128, long>();
        lock (_gate)
        {
            var asked = Asked.Of(query, this);
            foreach (var (block, entries) in _blocks)
            {
                if (except.Contains(block))
                {
                    continue;
                }

                foreach (ref readonly var entry in entries.AsSpan())
                {
                    if (entry.Session != UInt128.Zero && asked.Has(entry))
                    {
                        ref var last = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(found, entry.Session, out _);
                        last = Math.Max(last, entry.Last);
                    }
                }
            }
        }

        return found;
    }

    /// <summary>Blocks that have what is asked for of some sessions.</summary>
    public List<long> BlocksOf(UsageQuery query, IReadOnlySet<UInt128> sessions)
    {
        lock (_gate)
        {
            var asked = Asked.Of(query, this);
            return [.. _blocks.Where(block => Array.Exists(block.Value, entry => asked.Has(entry) && sessions.Contains(entry.Session))).Select(block => block.Key)];
        }
    }

    private void Forget()
    {
        (_users, _facets, _texts) = (new(), new(), new());
        _said.Clear();
    }

    /// <summary>Which sentences have some words, by number.</summary>
    private List<bool> SayingLocked(string words)
    {
        if (!_said.TryGetValue(words, out var said))
        {
            if (_said.Count >= MostWords)
            {
                _said.Clear();
            }

            _said.Add(words, said = []);
        }

        while (said.Count < _texts.Count)
        {
            said.Add(_texts[said.Count].Contains(words, StringComparison.OrdinalIgnoreCase));
        }

        return said;
    }

    /// <summary>A run with numbers in place of words.</summary>
    private readonly record struct Entry(long First, long Last, UInt128 Session, int User, int Facet, int Text, int Count);

    /// <summary>What a query asks for, in numbers.</summary>
    private readonly record struct Asked(long From, long To, int User, bool[]? Facets, List<bool>? Said)
    {
        public static Asked Of(UsageQuery query, RefusalIndex index) => new(
            query.From?.UtcTicks ?? long.MinValue, query.To?.UtcTicks ?? long.MaxValue, query.User is { } user ? index._users.Find(user.Value) : Anybody,
            index._facets.Matching(query), query.Refusal is { } words ? index.SayingLocked(words) : null);

        private const int Anybody = -2;

        public bool Has(in Entry entry) => entry.Last >= From && entry.First < To && (User == Anybody || entry.User == User)
            && (Facets is null || Facets[entry.Facet]) && (Said is null || Said[entry.Text]);

        /// <summary>Whether the range has all of it.</summary>
        public bool Spans(in Entry entry) => entry.First >= From && entry.Last < To;
    }
}
