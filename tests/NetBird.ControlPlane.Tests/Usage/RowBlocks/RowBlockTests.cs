using CsCheck;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.Rows;
using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Tests.Usage.RowBlocks;

public sealed class RowBlockTests
{
    [Fact]
    public void All_AnyRecords_ComeBackAsTheyWere()
        => Rows.Any.List[0, 40].Sample(
            records => Pack(records).All().Select(Text).SequenceEqual(records.Select(Text)), iter: 500);

    [Fact]
    public void Matching_AnyFilter_AgreesWithTheQueryItself()
        => Gen.Select(Rows.Any.List[1, 40], Gen.Int[0, 39], Gen.Int[0, 255], Gen.Bool).Sample(
            (records, pick, mask, allowed) =>
            {
                var like = records[pick % records.Count];
                var query = new UsageQuery
                {
                    User = (mask & 1) != 0 ? like.User : null,
                    Group = (mask & 2) != 0 && like.Groups.Length > 0 ? like.Groups[^1] : null,
                    Provider = (mask & 4) != 0 ? like.Provider : null,
                    Policy = (mask & 8) != 0 ? like.Policy : null,
                    Model = (mask & 16) != 0 ? like.Model : null,
                    Session = (mask & 32) != 0 ? like.SessionId : null,
                    From = (mask & 64) != 0 ? like.Timestamp : null,
                    To = (mask & 128) != 0 ? like.Timestamp.AddTicks(1) : null,
                    Allowed = allowed ? like.DenyReason is null : null,
                };
                return Pack(records).Matching(query).Select(r => r.Id).SequenceEqual(records.Where(query.Matches).Select(r => r.Id));
            },
            iter: 2_000);

    [Fact]
    public void Constructor_DamagedBytes_ThrowsInvalidDataAndNothingElse()
    {
        var good = PackBytes([.. Enumerable.Range(0, 5).Select(i => Rows.Row(i))]);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Int[0, good.Length]).Sample(
            (at, value, length) =>
            {
                var bytes = good[..length];
                if (at < length)
                {
                    bytes[at] = value;
                }

                try
                {
                    _ = new RowBlock(bytes).All().Count();
                }
                catch (Exception e) when (e is InvalidDataException or ArgumentOutOfRangeException)
                {
                    // A tick count past the calendar is the one thing the calendar itself refuses.
                }
            },
            iter: 20_000);
    }

    private static byte[] PackBytes(List<UsageRecord> records)
    {
        var builder = new RowBlockBuilder();
        records.ForEach(builder.Add);
        return builder.ToArray();
    }

    private static RowBlock Pack(List<UsageRecord> records) => new(PackBytes(records));

    /// <summary>Every property; arrays compare by reference otherwise.</summary>
    private static string Text(UsageRecord record) => record with { Groups = [] } + string.Join(',', record.Groups);
}
