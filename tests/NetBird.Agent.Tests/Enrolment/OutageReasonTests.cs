using NetBird.Agent.Enrolment;

namespace NetBird.Agent.Tests.Enrolment;

public sealed class OutageReasonTests
{
    [Fact]
    public void Tell_ReasonsTakeTurns_StaysWithTheFirst()
    {
        var outage = new OutageReason();
        var told = Enumerable.Range(0, 20).Select(i => (Reason: outage.Tell(i % 2 == 0 ? "refused" : "silent", out var isNews), isNews)).ToList();

        Assert.All(told, said => Assert.Equal("refused", said.Reason));
        Assert.Equal(1, told.Count(said => said.isNews));
    }

    [Fact]
    public void Tell_AnotherReasonStays_TakesItsPlaceOnce()
    {
        var outage = new OutageReason();
        string[] reasons = ["closed", "refused", "refused", "refused", "refused", "closed"];

        var told = reasons.Select(reason => outage.Tell(reason, out _)).ToList();

        Assert.Equal(["closed", "closed", "closed", "refused", "refused", "refused"], told);
    }

    [Fact]
    public void Over_NextOutage_HasItsOwnReason()
    {
        var outage = new OutageReason();
        outage.Tell("refused", out _);

        outage.Over();

        Assert.Equal("silent", outage.Tell("silent", out var isNews));
        Assert.True(isNews);
    }
}
