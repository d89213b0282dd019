using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Tests.Usage.Postgres;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Usage.Journalling;

namespace NetBird.ControlPlane.Tests.Usage.Journalling;

/// <summary>Text of callers and providers, however odd and long, neither stops the ledger nor is lost in it.</summary>
public sealed class HostileTextTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Complete_TextThatNoStoreTakesAsItIs_ReachesTheLedger_AndSoDoesWhatComesAfter(bool postgres)
    {
        Skip.If(postgres && cluster.Missing is not null, cluster.Missing);
        using var scratch = new Scratch();
        await using var store = postgres
            ? await UsageStore.OpenPostgresAsync(cluster.ConnectionString, scratch.Path, TimeProvider.System, NullLoggerFactory.Instance, default)
            : await UsageJournalTests.OpenAsync(scratch.Path);
        string[] texts =
        [
            // At every length that is cut, in the middle of a character.
            .. new[] { 63, 64, 127, 128, 255, 256, 1023, 1024 }.Select(length => new string('a', length) + "😀😀"),
            "half \ud83d", "\ude00 half", "zero \0 in it", "\ufffe\uffff", "\u202eright to left",

            // Three bytes each: longer than any key of an index, however it is cut.
            new string('漢', 1_500), "'; drop table usage_rows; --", "$1 {0} %s \\ \n \r \t \u0001",
        ];

        foreach (var text in texts)
        {
            await store.Journal.CompleteAsync(Rows.Row(1) with
            {
                Id = NetBird.Primitives.RequestId.New(), UserName = text, Model = text, SessionId = text, AgentId = text, DenyText = text, ProviderRequestId = text, KeyId = text,
                DenyReason = NetBird.Policy.DenyReason.ModelNotAllowed, Usage = default, Cost = default,
            });
        }

        await Eventually.TrueAsync(async () => (await store.Ledger.QueryAsync(new(), default)).TotalRecords == texts.Length, 20);
        Assert.Empty(await store.Ledger.VerifyAsync(default));
        Assert.All((await store.Ledger.QueryAsync(new(), default)).Data, row => Assert.True(row.Model.Length is > 0 and <= 256 && !row.Model.Contains('\0', StringComparison.Ordinal), row.Model));
        foreach (var text in texts.Select(text => text.Replace("😀😀", "😀", StringComparison.Ordinal)))
        {
            // Asked for with the text that came, as far as it was kept.
            var asked = text.Length <= 256 ? text : text[..255];
            Assert.True((await store.Ledger.QueryAsync(new() { Refusal = asked }, default)).TotalRecords >= 1, asked);
        }

        Assert.Equal(1, (await store.Ledger.QueryAsync(new() { Model = "zero \0 in it", Session = "zero \0 in it" }, default)).TotalRecords);
        Assert.Equal(new string('a', 255), (await store.Ledger.QueryAsync(new() { Model = new string('a', 255) }, default)).Data[0].Model);
    }

    /// <summary>What no store should throw neither ends the hand-over nor lets requests in meanwhile.</summary>
    [Fact]
    public async Task Append_ThrowsWhatNobodyExpects_RefusesUntilABatchGoesThrough()
    {
        using var scratch = new Scratch();
        var ledger = DispatchProxy.Create<IUsageLedger, OddLedger>();
        var odd = (OddLedger)(object)ledger;
        await using var journal = await UsageJournal.OpenAsync(
            scratch.Path, ledger, _ => { }, TimeProvider.System, NullLogger<UsageJournal>.Instance, default);
        odd.Throws = true;

        await journal.CompleteAsync(Rows.Row(1));
        await Eventually.TrueAsync(() => Task.FromResult(journal.Problem is not null), 20);
        await Assert.ThrowsAsync<IOException>(async () => await journal.BeginAsync(Rows.Row(2), default));
        odd.Throws = false;

        await Eventually.TrueAsync(() => Task.FromResult(journal.Problem is null), 20);
        await journal.BeginAsync(Rows.Row(3), default);
        Assert.Equal(["r1"], odd.Taken);
    }

    /// <summary>A ledger whose appending fails as a program's fault does.</summary>
    private class OddLedger : DispatchProxy
    {
        public volatile bool Throws;

        public ConcurrentQueue<string> Taken { get; } = new();

        protected override object? Invoke(MethodInfo? method, object?[]? arguments)
        {
            if (method!.Name == nameof(IUsageLedger.AppendAsync))
            {
                if (Throws)
                {
                    throw new ArgumentException("odd");
                }

                foreach (var record in (IReadOnlyList<JournalledRecord>)arguments![0]!)
                {
                    Taken.Enqueue(record.Record.Id.Value);
                }
            }

            return method.ReturnType == typeof(ValueTask<long>) ? new ValueTask<long>(0) : default(ValueTask);
        }
    }
}
