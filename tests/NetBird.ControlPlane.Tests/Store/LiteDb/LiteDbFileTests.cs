using LiteDB;
using NetBird.ControlPlane.Store.LiteDb;
using NetBird.ControlPlane.Tests.Usage;

namespace NetBird.ControlPlane.Tests.Store.LiteDb;

public sealed class LiteDbFileTests
{
    private const int Committed = 20;

    /// <summary>
    /// A commit that returned is in the file, whatever becomes of the process: version 5.0.20 left it to a task of its own, which on a busy machine
    /// came seconds later or not before the next commit, and a kill took what the ledger had acknowledged.
    /// </summary>
    [Fact]
    public void Commit_ThatReturned_IsInTheFile()
    {
        using var scratch = new Scratch();
        var path = Path.Combine(scratch.Path, "first.db");
        using var database = LiteDbFile.Open(path);
        for (var i = 0; i < Committed; i++)
        {
            Put(database, i);

            // As a kill leaves it: nothing was closed.
            var copy = Path.Combine(scratch.Path, $"copy-{i}.db");
            CopyBoth(path, copy);
            using var again = LiteDbFile.Open(copy);
            Assert.Equal(i + 1, again.GetCollection("documents").Count());
        }
    }

    /// <summary>
    /// A kill can come between the two memory pages of one write, and leaves half a page at the end of the log. What is committed after the
    /// next start must be found by the one after that.
    /// </summary>
    [Fact]
    public void Open_LogThatAKillTore_LosesNothingThatWasCommittedBeforeOrAfter()
    {
        using var scratch = new Scratch();
        var first = Path.Combine(scratch.Path, "first.db");
        long before;
        using (var database = LiteDbFile.Open(first))
        {
            for (var i = 0; i < Committed; i++)
            {
                Put(database, i);
            }

            before = new FileInfo(LogOf(first)).Length;
            Put(database, Committed);
            CopyBoth(first, Path.Combine(scratch.Path, "whole.db"));
        }

        var whole = Path.Combine(scratch.Path, "whole.db");
        var length = new FileInfo(LogOf(whole)).Length;
        Assert.True(length > before, $"{length} {before}");
        foreach (var cut in Enumerable.Range(0, (int)(length - before) / 4096).SelectMany(half => new[] { before + (half * 4096), before + (half * 4096) + 1 }))
        {
            var torn = Path.Combine(scratch.Path, $"torn-{cut}.db");
            var after = Path.Combine(scratch.Path, $"after-{cut}.db");
            CopyBoth(whole, torn);
            using (var log = new FileStream(LogOf(torn), FileMode.Open))
            {
                log.SetLength(cut);
            }

            using (var database = LiteDbFile.Open(torn))
            {
                for (var i = 0; i < Committed; i++)
                {
                    Put(database, 100 + i);
                }

                // As a kill leaves it: nothing was closed.
                CopyBoth(torn, after);
            }

            using (var database = LiteDbFile.Open(after))
            {
                var found = database.GetCollection("documents").FindAll().ToDictionary(document => document["_id"].AsInt32, document => document["text"].AsString.Length);
                Assert.Equal([], Enumerable.Range(0, Committed).Concat(Enumerable.Range(100, Committed)).Where(id => found.GetValueOrDefault(id) != 3_000));
            }
        }
    }

    private static void Put(LiteDatabase database, int id)
        => database.GetCollection("documents").Upsert(new BsonDocument { ["_id"] = id, ["text"] = new string('x', 3_000) });

    private static string LogOf(string path) => path[..^3] + "-log.db";

    private static void CopyBoth(string from, string to)
    {
        foreach (var (source, target) in new[] { (from, to), (LogOf(from), LogOf(to)) })
        {
            using var reading = new FileStream(source, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var writing = File.Create(target);
            reading.CopyTo(writing);
        }
    }
}
