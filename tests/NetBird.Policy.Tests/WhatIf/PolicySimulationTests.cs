using NetBird.Policy.Limits;
using NetBird.Policy.WhatIf;
using NetBird.Primitives;
using static NetBird.Policy.Tests.Scene;

namespace NetBird.Policy.Tests.WhatIf;

public sealed class PolicySimulationTests
{
    [Fact]
    public void Run_CapAndModelList_SaysWhoWasRefusedWhenAndWhatItSaved()
    {
        var snapshot = Snapshot(
            [Access("p", ["eng"], Tokens(0, 100, seconds: 600), ["g"])],
            [new(new("g"), "G", ["claude-opus-*"], null, null)]);

        // Ann: one request of 40 tokens a minute: two fit into each ten minutes, eight do not. Bob asks for another model once.
        var past = Enumerable.Range(0, 20).Select(i => Past(i, "ann", "claude-opus-5-5", 40))
            .Append(Past(20, "bob", "claude-haiku-4-5", 7));

        var result = PolicySimulation.Run(snapshot, past);

        Assert.Equal((21, 17, 807), (result.Requests, result.Refused, result.Cost.Value));
        Assert.Equal((16 * 40) + 7, result.CostSaved.Value);
        var ann = result.Refusals[0];
        Assert.Equal(
            (new UserId("ann"), DenyReason.LimitReached, "p", 16L, Noon.AddMinutes(2), Noon.AddMinutes(19), 640L),
            (ann.User, ann.Reason, ann.Source, ann.Count, ann.First, ann.Last, ann.TokensSaved));
        Assert.Equal((new UserId("bob"), DenyReason.ModelNotAllowed, 1L), (result.Refusals[1].User, result.Refusals[1].Reason, result.Refusals[1].Count));
    }

    [Fact]
    public void Run_RaiseInPlace_GivesItsRoomForItsTime()
    {
        var snapshot = Snapshot([Access("p", ["eng"], Tokens(0, 100, seconds: 600))]);
        var raised = snapshot with { Raises = [new("p", false, CapScope.User, "", CapUnit.Tokens, 40, Noon.AddMinutes(-1), Noon.AddMinutes(10))] };
        var past = Enumerable.Range(0, 20).Select(i => Past(i, "ann", "claude-opus-5-5", 40)).ToList();

        // Two fit into ten minutes; one more where the raise holds: in the first ten.
        Assert.Equal(16, PolicySimulation.Run(snapshot, past).Refused);
        Assert.Equal(15, PolicySimulation.Run(raised, past).Refused);
    }

    /// <summary>A limit is as full at the first moment that is told of as it would have been.</summary>
    [Fact]
    public void Take_RequestsFromBefore_FillTheCountersAndAreNotToldOf()
    {
        var snapshot = Snapshot([Access("p", ["eng"], Tokens(0, 100, seconds: 600))]);
        var simulation = new PolicySimulation(snapshot, Noon.AddMinutes(3));
        foreach (var request in Enumerable.Range(0, 14).Select(i => Past(i, "ann", "claude-opus-5-5", 40)))
        {
            simulation.Take(request);
        }

        // Those of minutes 0 and 1 fill it until 10 and 11, when one each fits again; 3 to 9, 12 and 13 are refused.
        var result = simulation.Result();
        Assert.Equal((11L, 9L, 440L, 360L), (result.Requests, result.Refused, result.Cost.Value, result.CostSaved.Value));
        var ann = Assert.Single(result.Refusals);
        Assert.Equal((Noon.AddMinutes(3), Noon.AddMinutes(13)), (ann.First, ann.Last));
        Assert.Equal(TimeSpan.FromMinutes(10), PolicySimulation.LeadOf(snapshot));
        Assert.Equal(TimeSpan.Zero, PolicySimulation.LeadOf(Snapshot([Access("p", ["eng"])])));
    }

    private static PastRequest Past(int minute, string user, string model, long tokens) => new(
        new($"r{minute}"), Noon.AddMinutes(minute), Noon.AddMinutes(minute), Person(user, "eng"), Message(model), tokens, new(tokens));
}
