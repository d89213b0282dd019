using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Usage.Reconciling;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage.Reconciling;

public sealed class ReconciliationTests
{
    /// <summary>The provider's cost report has a row of its own for each kind of fee; ours are beside those, not in the model's.</summary>
    [Fact]
    public void Note_FeesOfTools_AreBesideTheProvidersOwnRows()
    {
        var day = new DateOnly(2026, 11, 24);
        var provider = new Provider { Id = new("a"), Name = "A", Kind = "anthropic_api", Upstream = new("https://a.example"), Keys = [new("ours", "key", "sealed", Rows.Noon)] };
        var report = new ProviderReport(
            [new("theirs", "key", "sk-ant-api03-abcd...wxyz")],
            [new(day, "theirs", "claude-opus-5-5", new(300, 30), 2)],
            [new(day, "claude-opus-5-5", new(1_800_000)), new(day, "web_search", new(20_000_000)), new(day, "code_execution", new(4_166_667))]);
        var both = new Reconciliation(report, provider, _ => "sk-ant-api03-abcd-and-more-wxyz");
        foreach (var usage in (RequestUsage[])[new(new(100, 10)), new(new(100, 10), WebSearchRequests: 2, CodeExecutionRequests: 9), new(new(100, 10), CodeExecutionRequests: 3)])
        {
            both.Note(Rows.Row(1) with
            {
                Id = RequestId.New(), KeyId = "ours", Usage = usage, Cost = PriceTable.Default.Price(new("a"), "claude-opus-5-5", usage, Rows.Noon).Cost,
            });
        }

        // Billed beside a request that was cut: no request, and none that was interrupted.
        both.Note(Rows.Row(1) with { Id = new("r9"), KeyId = "ours", Usage = default, Cost = new(1), Completeness = Completeness.Interrupted, Model = "claude-fable-5" });
        both.Note(Rows.Row(1) with { Id = new("r9.1"), Kind = RequestKind.Part, KeyId = "ours", Usage = default, Cost = new(1), Completeness = Completeness.Interrupted, Model = "claude-fable-5" });
        var cut = both.Usage.Single(row => row.Key.Model == "claude-fable-5").Value;
        Assert.Equal((1, 1), (cut.Requests, cut.Interrupted));
        Assert.All(both.Usage, row => Assert.False(row.Value.Differs));
        Assert.Equal(["claude-fable-5", "claude-opus-5-5", "code_execution", "web_search"], both.Costs.Select(row => row.Key.What));
        Assert.All(both.Costs.Skip(1), row => Assert.False(row.Value.Differs, $"{row}"));
    }
}
