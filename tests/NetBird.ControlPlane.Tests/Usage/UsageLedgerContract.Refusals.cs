using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>Searches for what refused callers were told.</summary>
public abstract partial class UsageLedgerContract
{
    [SkippableFact]
    public async Task Searches_ForWordsOfRefusals_AgreeWithAList_AlsoOnceSomeAreGone()
    {
        var rows = Refused(3_000);
        foreach (var batch in rows.Chunk(701))
        {
            await AppendAsync(batch);
        }

        await AssertSearchesAgreeAsync(rows);
        await ReopenAsync();
        await AssertSearchesAgreeAsync(rows);
        var cut = Rows.Noon.AddHours(-30);
        await Ledger.RetainAsync(cut, Rows.Noon.AddDays(-500), _ => { }, default);
        rows.RemoveAll(row => row.Timestamp < cut);
        await AssertSearchesAgreeAsync(rows);
        await AppendAsync([rows[0] with { Id = new("more"), Timestamp = rows[0].Timestamp.AddMinutes(1) }]);
        await AssertSearchesAgreeAsync([.. rows, rows[0] with { Id = new("more"), Timestamp = rows[0].Timestamp.AddMinutes(1) }]);
        Assert.Empty(await Ledger.VerifyAsync(default));
    }

    /// <summary>Every third request refused, told one of few sentences or one of its own; many at the same moment, and in an order that is not that of time.</summary>
    private protected static List<UsageRecord> Refused(int count) => [.. Enumerable.Range(0, count).Select(i => Rows.Row(i, user: $"u{i % 7}") with
    {
        Timestamp = Rows.Noon.AddMinutes(-(i / 4) - (i * 37 % 11)), SessionId = i % 9 == 0 ? null : $"s{i / 40}-{i % 7}", Model = $"m{i % 3}", Groups = [new($"g{i % 5}"), new("all")],
        DenyReason = i % 3 == 0 ? NetBird.Policy.DenyReason.LimitReached : null,
        DenyText = i % 3 != 0 ? null : i % 2 == 0 ? $"You have reached the limit of ${i % 4 * 40}." : $"It frees up at {i:D5}. Fragen Sie IT-Größe.",
    })];

    private protected async Task AssertSearchesAgreeAsync(List<UsageRecord> rows)
    {
        var (oldest, newest) = (rows.Min(row => row.Timestamp), rows.Max(row => row.Timestamp));
        foreach (var pick in Enumerable.Range(0, 90))
        {
            var like = rows[pick * 31 % rows.Count];
            var query = new UsageQuery
            {
                Refusal = (pick % 5) switch { 0 => "LIMIT of $", 1 => "$80", 2 => "frees up at 0", 3 => "grö", _ => "none says so" },
                User = pick % 4 == 1 ? like.User : null,
                Group = pick % 6 == 2 ? like.Groups[0] : null,
                Model = pick % 7 == 3 ? like.Model : null,
                Session = pick % 13 == 5 ? like.SessionId : null,
                Allowed = (pick % 11) switch { 4 => false, 7 => true, _ => null },
                From = pick % 3 == 1 ? oldest + ((newest - oldest) * (pick % 10 / 12.0)) : null,
                To = pick % 4 == 2 ? newest - ((newest - oldest) * (pick % 7 / 9.0)) : null,
                Page = 1 + (pick % 3 * pick),
                PageSize = 4,
            };
            var expected = rows.Where(query.Matches).OrderByDescending(row => row.Timestamp).ThenBy(row => row.Id.Value, StringComparer.Ordinal).ToList();
            var page = await Ledger.QueryAsync(query, default);
            Assert.Equal(expected.Count, page.TotalRecords);
            Assert.Equal(expected.Skip((query.Page - 1) * 4).Take(4).Select(row => row.Id), page.Data.Select(row => row.Id));

            var sessions = expected.Where(row => row.SessionId is not null).GroupBy(row => (SessionId: row.SessionId!, row.User)) // where it has one
                .Select(session => (session.Key, Last: session.Max(row => row.Timestamp), Sum: Sum(session)))
                .OrderByDescending(session => session.Last).ThenBy(session => session.Key.SessionId, StringComparer.Ordinal).ToList();
            var page2 = await Ledger.SessionsAsync(query, default);
            Assert.Equal(sessions.Count, page2.TotalRecords);
            Assert.Equal(sessions.Skip((query.Page - 1) * 4).Take(4), page2.Data.Select(session => ((session.SessionId, session.User), session.LastAt, session.Totals)));
        }
    }
}
