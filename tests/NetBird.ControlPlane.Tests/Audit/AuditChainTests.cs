using LiteDB;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tests.Store;

namespace NetBird.ControlPlane.Tests.Audit;

public sealed class AuditChainTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Verify_UntouchedLog_FindsNothing()
    {
        using var state = await FilledAsync();
        await using var store = await state.OpenAsync();

        var outcome = await store.VerifyAuditAsync(None);

        Assert.Empty(outcome.Faults);
        Assert.True(outcome.Entries > 20);
    }

    [Theory]
    [InlineData("edit")]
    [InlineData("garble")]
    [InlineData("cut middle")]
    [InlineData("cut end")]
    [InlineData("cut start")]
    [InlineData("swap")]
    [InlineData("empty")]
    public async Task Verify_TamperedLog_SaysSo(string how)
    {
        using var state = await FilledAsync();
        using (var database = new LiteDatabase(Path.Combine(state.Path, AccountState.LiteDbFileName)))
        {
            Tamper(database.GetCollection("audit"), how);
        }

        await using var store = await state.OpenAsync();

        Assert.NotEmpty((await store.VerifyAuditAsync(None)).Faults);
    }

    [Fact]
    public async Task Commit_RecordWithSecrets_LeavesNoneInTheLog()
    {
        using var state = await FilledAsync();
        await using var store = await state.OpenAsync();

        var text = "";
        await foreach (var entry in store.ReadAuditAsync(1, descending: false, None))
        {
            text += System.Text.Json.JsonSerializer.Serialize(entry, StoreJson.Options);
        }

        Assert.Contains("\"before\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("0123", text.Replace("0123456789", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("\"sealed\":\"sealed\"", text, StringComparison.Ordinal);
    }

    private static async Task<TemporaryState> FilledAsync()
    {
        var state = new TemporaryState();
        await using var store = await state.OpenAsync();
        await store.CommitAsync(Actor.System, Samples.Everything(), None);
        for (var i = 0; i < 12; i++)
        {
            state.Time.Advance(TimeSpan.FromSeconds(1));
            await store.CommitAsync(Actor.System, draft => Put(draft, $"Name {i}"), None);
        }

        return state;
    }

    private static void Tamper(ILiteCollection<BsonDocument> audit, string how)
    {
        var rows = audit.FindAll().OrderBy(row => row["_id"].AsInt64).ToList();
        switch (how)
        {
            case "edit":
                rows[5]["json"] = rows[5]["json"].AsString.Replace("\"name\":\"system\"", "\"name\":\"nobody\"", StringComparison.Ordinal);
                audit.Update(rows[5]);
                break;
            case "garble":
                rows[5]["json"] = "{}";
                audit.Update(rows[5]);
                break;
            case "cut middle":
                audit.Delete(rows[5]["_id"]);
                break;
            case "cut end":
                audit.Delete(rows[^1]["_id"]);
                break;
            case "cut start":
                audit.Delete(rows[0]["_id"]);
                break;
            case "swap":
                (rows[5]["json"], rows[6]["json"]) = (rows[6]["json"], rows[5]["json"]);
                audit.Update(rows[5]);
                audit.Update(rows[6]);
                break;
            default:
                audit.DeleteAll();
                break;
        }
    }

    private static bool Put(ConfigurationDraft draft, string accountName)
    {
        draft.Settings.Put(new() { AccountName = accountName });
        return true;
    }
}
