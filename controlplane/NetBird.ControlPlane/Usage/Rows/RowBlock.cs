using System.Collections.Immutable;
using System.Runtime.InteropServices;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Rows;

/// <summary>Rows packed by <see cref="RowBlockBuilder"/>, in the order they were added.</summary>
internal sealed class RowBlock
{
    private readonly byte[] _data;
    private readonly string?[] _words;
    private readonly int _rowsAt;

    /// <exception cref="InvalidDataException">The bytes are not a block of a version known here.</exception>
    public RowBlock(byte[] data)
    {
        _data = data;
        var cursor = new ByteCursor(data, 0, data.Length);
        if (cursor.Byte() != RowBlockBuilder.Version)
        {
            throw ByteCursor.Damaged();
        }

        _words = new string?[cursor.Count() + 1];
        for (var i = 1; i < _words.Length; i++)
        {
            _words[i] = cursor.Text();
        }

        Count = cursor.Count();
        _rowsAt = cursor.Position;
    }

    public int Count { get; }

    /// <summary>Every row.</summary>
    public IEnumerable<UsageRecord> All() => Matching(new());

    /// <summary>Rows that a query asks for. A word that the block does not have ends the search before it begins.</summary>
    public IEnumerable<UsageRecord> Matching(UsageQuery query)
    {
        if (!TryNumber(query.User?.Value, out var user)
            || !TryNumber(query.Group?.Value, out var group)
            || !TryNumber(query.Provider?.Value, out var provider)
            || !TryNumber(query.Policy?.Value, out var policy)
            || !TryNumber(query.Model, out var model)
            || !TryNumber(query.Session, out var session))
        {
            yield break;
        }

        var from = query.From?.UtcTicks ?? long.MinValue;
        var to = query.To?.UtcTicks ?? long.MaxValue;
        var rows = new ByteCursor(_data, _rowsAt, _data.Length);
        for (var i = 0; i < Count; i++)
        {
            var row = rows.Part();
            var head = new RowHead { Ticks = row.Int64(), User = row.Varint() };
            var groups = row;
            var inGroup = group < 0;
            for (var left = row.Count(); left > 0; left--)
            {
                inGroup |= row.Varint() == group;
            }

            head.Provider = row.Varint();
            head.Policy = row.Varint();
            head.Model = row.Varint();
            head.Session = row.Varint();
            head.Deny = row.Byte();
            if (inGroup && head.Ticks >= from && head.Ticks < to
                && (user < 0 || head.User == user)
                && (provider < 0 || head.Provider == provider)
                && (policy < 0 || head.Policy == policy)
                && (model < 0 || head.Model == model)
                && (session < 0 || head.Session == session)
                && (query.Allowed is null || (head.Deny == 0) == query.Allowed))
            {
                if (query.Refusal is null)
                {
                    yield return Read(head, groups, row);
                }
                else if (head.Deny != 0 && Read(head, groups, row) is var refused
                    && refused.DenyText?.Contains(query.Refusal, StringComparison.OrdinalIgnoreCase) == true)
                {
                    yield return refused;
                }
            }
        }
    }

    /// <summary>-1 for any; false when the word is in no row here.</summary>
    private bool TryNumber(string? word, out int number)
    {
        number = word is null ? -1 : Array.IndexOf(_words, word);
        return word is null || number > 0;
    }

    private UsageRecord Read(in RowHead head, ByteCursor groups, ByteCursor row)
    {
        var kind = (RequestKind)row.Byte();
        var id = new RequestId(row.Text());
        var record = new UsageRecord
        {
            Id = id,
            Timestamp = new(head.Ticks, TimeSpan.Zero),
            User = Word(head.User) is { } user ? new UserId(user) : null,
            Groups = Groups(groups),
            Provider = Word(head.Provider) is { } provider ? new ProviderId(provider) : null,
            Policy = Word(head.Policy) is { } policy ? new PolicyId(policy) : null,
            Model = Word(head.Model) ?? "",
            SessionId = Word(head.Session),
            DenyReason = head.Deny == 0 ? null : (DenyReason)head.Deny,
            Kind = kind,
            UserName = Word(row.Varint()) ?? "",
            Peer = Word(row.Varint()) is { } peer ? new PeerId(peer) : null,
            ChargedGroup = Word(row.Varint()) is { } charged ? new GroupId(charged) : null,
            AgentId = Word(row.Varint()),
            DenyText = Word(row.Varint()),
            StatusCode = (int)row.Varint(),
            Duration = new(row.Varint()),
            TimeToFirstByte = row.Varint() is > 0 and var first ? new TimeSpan(first - 1) : null,
        };
        var flags = (RowFlags)row.Byte();
        return record with
        {
            Stream = flags.HasFlag(RowFlags.Stream),
            PriceUnknown = flags.HasFlag(RowFlags.PriceUnknown),
            Completeness = (Completeness)row.Byte(),
            Usage = new(
                Tier: (ServiceTier)row.Byte(),
                Tokens: new(row.Varint(), row.Varint(), row.Varint(), row.Varint(), row.Varint()),
                WebSearchRequests: (int)row.Varint(),
                CodeExecutionRequests: (int)row.Varint(),
                Fast: flags.HasFlag(RowFlags.Fast),
                InferenceInUs: flags.HasFlag(RowFlags.InferenceInUs)),
            Cost = new(row.Varint()),
            ProviderRequestId = row.Text() is { Length: > 0 } text ? text : null,
            RequestBytes = row.Varint(),
            ResponseBytes = row.Varint(),
            KeyId = row.AtEnd ? null : Word(row.Varint()),
        };
    }

    private ImmutableArray<GroupId> Groups(ByteCursor groups)
    {
        var ids = new GroupId[groups.Count()];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = new(Word(groups.Varint()) ?? "");
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(ids);
    }

    private string? Word(long number)
        => number >= 0 && number < _words.Length ? _words[number] : throw ByteCursor.Damaged();

    private struct RowHead
    {
        public long Ticks;
        public long User;
        public long Provider;
        public long Policy;
        public long Model;
        public long Session;
        public byte Deny;
    }
}
