using NetBird.ControlPlane.Identity.Embedded.Issued;

namespace NetBird.ControlPlane.Tests.Identity;

/// <summary>What every store of issued records has to do; one class per database runs it.</summary>
public abstract class IssuedRecordsContract
{
    private static readonly CancellationToken None = CancellationToken.None;

    [SkippableFact]
    public async Task Replace_ByManyAtOnce_HappensOnce()
    {
        var records = await OpenAsync();
        var token = new IssuedToken { Reference = "r", Status = "valid", Version = "1", CreatedAt = DateTimeOffset.UnixEpoch };
        await records.InsertAsync(token, None);

        var done = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(async () => await records.ReplaceAsync(
            new IssuedToken { Id = token.Id, Reference = "r", Status = "redeemed", Version = $"2-{i}" }, "1", None))));

        Assert.Equal(1, done.Count(replaced => replaced));
        Assert.Equal("redeemed", (await records.FindAsync(token.Id, None))?.Status);
    }

    [SkippableFact]
    public async Task Query_ByEveryField_FindsWhatMatchesAll()
    {
        var records = await OpenAsync();
        for (var i = 0; i < 8; i++)
        {
            await records.InsertAsync(
                new IssuedToken
                {
                    Id = $"t{i}",
                    Subject = $"s{i % 2}",
                    Client = "agent",
                    Status = i < 4 ? "valid" : "redeemed",
                    Type = "code",
                    Authorization = $"a{i % 4}",
                    Reference = $"r{i}",
                    CreatedAt = DateTimeOffset.UnixEpoch.AddHours(i),
                    Version = "1",
                },
                None);
        }

        Assert.Equal("t3", Assert.Single(await records.QueryAsync(new(Reference: "r3"), None)).Id);
        Assert.Equal(4, (await records.QueryAsync(new(Subject: "s1", Client: "agent", Type: "code"), None)).Count);
        Assert.Equal("t6", Assert.Single(await records.QueryAsync(new(Authorization: "a2", Status: "redeemed"), None)).Id);
        Assert.Equal(3, (await records.QueryAsync(new(CreatedBefore: DateTimeOffset.UnixEpoch.AddHours(3)), None)).Count);
        Assert.Equal(8, (await records.QueryAsync(new(), None)).Count);
    }

    [SkippableFact]
    public async Task Delete_TwiceOrOfNothing_SaysSo()
    {
        var records = await OpenAsync();
        await records.InsertAsync(new IssuedToken { Id = "t", Version = "1" }, None);

        Assert.Equal((true, false), (await records.DeleteAsync("t", None), await records.DeleteAsync("t", None)));
        Assert.Null(await records.FindAsync("t", None));
    }

    internal abstract Task<IIssuedRecords<IssuedToken>> OpenAsync();
}
