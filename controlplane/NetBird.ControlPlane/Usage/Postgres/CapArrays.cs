using NetBird.Policy;
using NetBird.Policy.Limits;
using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>Caps laid out as the arrays that the functions of <c>usage.sql</c> take.</summary>
internal sealed class CapArrays(PolicySnapshot? snapshot)
{
    /// <summary>Of a soft cap, which is in nobody's way; SQL subtracts from it, so it is not the largest value.</summary>
    private const long NoLimit = long.MaxValue / 2;

    private readonly List<Cap> _caps = [];
    private readonly List<int> _candidates = [];
    private readonly List<long> _amounts = [];

    public int Count => _caps.Count;

    public Cap this[int index] => _caps[index];

    public int CandidateOf(int index) => _candidates[index];

    public long AmountOf(int index) => _amounts[index];

    public void Add(int candidate, Cap cap, long amount)
    {
        _caps.Add(cap);
        _candidates.Add(candidate);
        _amounts.Add(amount);
    }

    /// <summary>From <c>p_candidate</c> on.</summary>
    public void BindReserve(NpgsqlCommand command)
    {
        command.Parameters.AddWithValue(_candidates.ToArray());
        command.Parameters.AddWithValue(Keys());
        command.Parameters.AddWithValue(_caps.Select(cap => cap.Soft ? NoLimit : cap.Limit).ToArray());
        command.Parameters.AddWithValue(Windows());
        command.Parameters.AddWithValue(_amounts.ToArray());
        BindSources(command);
        command.Parameters.AddWithValue(_caps.Select(cap => cap is { Strict: true, Soft: false }).ToArray());
    }

    /// <summary>All of <c>usage_read</c>.</summary>
    public void BindRead(NpgsqlCommand command, long? now)
    {
        command.Parameters.Add(new() { Value = (object?)now ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint });
        command.Parameters.AddWithValue(Keys());
        command.Parameters.AddWithValue(Windows());
        BindSources(command);
    }

    private void BindSources(NpgsqlCommand command)
    {
        command.Parameters.AddWithValue(_caps.Select(cap => cap.Counter.Source).ToArray());
        command.Parameters.AddWithValue(_caps.Select(cap => (short)cap.Counter.Scope).ToArray());
        command.Parameters.AddWithValue(_caps.Select(cap => cap.Counter.Subject).ToArray());
        command.Parameters.AddWithValue(_caps.Select(cap => cap.Counter.FromRule).ToArray());
        command.Parameters.AddWithValue(_caps.Select(cap => cap.Unit is CapUnit.NanoUsd).ToArray());
        command.Parameters.Add(new()
        {
            Value = _caps.Select(Members).ToArray(),
            NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Text,
        });
    }

    private string[] Keys() => [.. _caps.Select(cap => KeyOf(cap.Counter))];

    private long[] Windows() => [.. _caps.Select(cap => cap.Window.Ticks)];

    /// <summary>No id has a colon in it.</summary>
    internal static string KeyOf(CounterKey counter)
        => $"{(counter.FromRule ? 'r' : 'p')}:{counter.Source}:{(int)counter.Scope}:{counter.Subject}:{(int)counter.Unit}";

    /// <summary>As <c>usage_forget</c> takes it: what all counters of a limit have in common.</summary>
    internal static string KeyOf(CountedLimit limit)
        => $"{(limit.FromRule ? 'r' : 'p')}:{limit.Source}:{(limit.PerPerson ? "person" : "shared")}:{(int)limit.Unit}";

    /// <summary>The other way round; false for what is no such key.</summary>
    internal static bool TryParseKey(string key, out CounterKey counter)
    {
        counter = default;
        if (key.Split(':') is not [("r" or "p") and var kind, { Length: > 0 } source, var scope, var subject, var unit]
            || !Enum.TryParse<CapScope>(scope, out var whose) || !Enum.TryParse<CapUnit>(unit, out var of))
        {
            return false;
        }

        counter = new(source, whose, subject, of, kind == "r");
        return true;
    }

    /// <summary>The people whom a rule's shared pool names, or null for everyone.</summary>
    private string? Members(Cap cap)
    {
        var rule = cap.Counter is { FromRule: true, Scope: CapScope.Account }
            ? snapshot?.BudgetRules.FirstOrDefault(rule => rule.Id.Value == cap.Counter.Source)
            : null;
        return rule is null || rule.TargetUsers.IsEmpty ? null : string.Join(' ', rule.TargetUsers);
    }
}
