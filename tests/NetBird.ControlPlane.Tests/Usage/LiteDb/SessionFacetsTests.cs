using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.LiteDb;
using NetBird.ControlPlane.Usage.Sums;
using NetBird.Gateway.Metering;

namespace NetBird.ControlPlane.Tests.Usage.LiteDb;

/// <summary>What sessions are told apart by stays small, whatever callers name their models, and goes with the rows.</summary>
public sealed class SessionFacetsTests : IDisposable
{
    private readonly Scratch _scratch = new();

    private string Database => Path.Combine(_scratch.Path, "usage.db");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Number_OfAnyModelNames_IsOneOfABoundedNumber()
    {
        var facets = new SessionFacets(SessionFacets.MostModels);
        var known = facets.Number(Of("claude-opus-5-5"));

        var numbers = Enumerable.Range(0, 5_000).Select(i => facets.Number(Of($"random-{i}"))).ToList();
        var denied = facets.Number(Of("claude-opus-5-5") with { Denied = true });

        Assert.Equal(SessionFacets.MostModels + 2, facets.Count); // with any other model, and the refused one
        var one = facets.Matching(new() { Model = "claude-opus-5-5" })!;
        Assert.Equal((true, true, false, true), (one[known], one[denied], one[numbers[0]], one[numbers[^1]]));
        var late = facets.Matching(new() { Model = "random-4999" })!;
        Assert.Equal((false, false, true), (late[known], late[numbers[0]], late[numbers[^1]]));
        Assert.False(facets.Matching(new() { Model = "random-4999", Allowed = false })![numbers[^1]]);
    }

    [Fact]
    public void KeepOnly_Used_GivesTheOthersNumbersToOthers()
    {
        var facets = new SessionFacets(SessionFacets.MostModels);
        var numbers = Enumerable.Range(0, SessionFacets.MostModels).Select(i => facets.Number(Of($"old-{i}"))).ToList();
        Assert.Equal(numbers.Count, facets.Unstored().Count);

        Assert.Equal(numbers.Count - 1, facets.KeepOnly([numbers[7]]).Count);

        Assert.Equal((0, 1, 7), (facets.Number(Of("new-0")), facets.Number(Of("new-1")), facets.Number(Of("old-7"))));
        Assert.Equal([(0, Of("new-0")), (1, Of("new-1"))], facets.Unstored());
        Assert.Equal((true, false), (facets.Matching(new() { Model = "new-0" })![0], facets.Matching(new() { Model = "old-0" })![0]));
    }

    [Fact]
    public async Task Retain_OldRows_TakesFacetsThatOnlyTheyHad_AndTheOthersStayRight()
    {
        using (var ledger = Open())
        {
            await ledger.AppendAsync([new(1, Rows.Row(2_001) with { Timestamp = Rows.Noon.AddDays(3), SessionId = "later", Model = "kept" })], default);
            await ledger.AppendAsync([.. Enumerable.Range(0, 2_000).Select(i => new JournalledRecord(
                i + 2, Rows.Row(i) with { Model = $"random-{i}", SessionId = $"session-{i}", Timestamp = Rows.Noon.AddSeconds(i) }))], default);
            Assert.Equal("session-1999", Assert.Single((await ledger.SessionsAsync(new() { Model = "random-1999" }, default)).Data).SessionId);
        }

        Assert.InRange(Stored(), 1_000, SessionFacets.MostModels + 2);
        using (var ledger = Open())
        {
            await ledger.RetainAsync(Rows.Noon.AddDays(2), Rows.Noon.AddDays(-500), _ => { }, default);
            await ledger.AppendAsync([new(2_002, Rows.Row(2_002) with { Timestamp = Rows.Noon.AddDays(3), SessionId = "last", Model = "new" })], default);
        }

        Assert.Equal(2, Stored());
        using var reopened = Open();
        Assert.Equal("last", Assert.Single((await reopened.SessionsAsync(new() { Model = "new" }, default)).Data).SessionId);
        Assert.Equal(0, (await reopened.SessionsAsync(new() { Model = "random-1" }, default)).TotalRecords);
        Assert.Equal(2, (await reopened.SessionsAsync(new(), default)).TotalRecords);
    }

    private static SessionFacet Of(string model) => new("eng", "anthropic", "policy", model, Denied: false);

    private LiteDbUsageLedger Open() => LiteDbUsageLedger.Open(Database, new HourlySums());

    private int Stored()
    {
        using var database = new LiteDB.LiteDatabase(new LiteDB.ConnectionString { Filename = Database });
        return database.GetCollection("session_facets").Count();
    }
}
