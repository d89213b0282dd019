using NetBird.Policy.Limits;
using NetBird.Primitives;
using static NetBird.Policy.Tests.Scene;

namespace NetBird.Policy.Tests;

public sealed class PolicyEvaluatorTests
{
    [Fact]
    public void Evaluate_NoPolicy_Denies()
    {
        var denied = Denied(Snapshot([]), Person("ann", "eng"), Message());

        Assert.Equal(DenyReason.NoMatchingPolicy, denied.Reason);
        Assert.Contains("none of your groups", denied.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void Evaluate_CallerInNoGroup_SaysSo()
        => Assert.Contains(
            "you are in no group",
            Denied(Snapshot([Access("p", ["eng"])]), Person("ann"), Message()).Explanation,
            StringComparison.Ordinal);

    [Fact]
    public void Evaluate_DisabledPolicy_Denies()
        => Assert.Equal(
            DenyReason.NoMatchingPolicy,
            Denied(Snapshot([Access("p", ["eng"]) with { Enabled = false }]), Person("ann", "eng"), Message()).Reason);

    [Fact]
    public void Evaluate_SeveralPoliciesAndGroups_KeepsPolicyOrderThenGroupOrder()
    {
        var snapshot = Snapshot([
            Access("second-by-name", ["ops", "eng"], Tokens(100, 0)),
            Access("a", ["eng"]),
        ]);

        var candidates = Allowed(snapshot, Person("ann", "ops", "eng"), Message());

        Assert.Equal(
            [("second-by-name", "eng"), ("second-by-name", "ops"), ("a", "eng")],
            candidates.Select(c => (c.Policy.Value, c.Group.Value)));
    }

    [Fact]
    public void Evaluate_NoGroupCap_TriesFirstGroupOnly()
    {
        var candidates = Allowed(Snapshot([Access("p", ["b", "a"], Tokens(0, 50))]), Person("ann", "a", "b"), Message());

        Assert.Equal(new GroupId("a"), Assert.Single(candidates).Group);
    }

    [Fact]
    public void Evaluate_LimitsAndRules_AddsEveryCapThatApplies()
    {
        BudgetRule[] rules =
        [
            new(new("everyone"), "Everyone", true, [], [], Money(9_000, 0)),
            new(new("named"), "Named", true, [], [new UserId("ann")], Tokens(8_000, 800)),
            new(new("other"), "Other", true, Groups("sales"), [], Tokens(1, 1)),
            new(new("off"), "Off", false, [], [], Tokens(1, 1)),
            new(new("eng-rule"), "Eng", true, Groups("eng"), [], Tokens(7_000, 700, strict: true)),
        ];

        var caps = Assert.Single(
            Allowed(Snapshot([Access("p", ["eng"], Tokens(100, 10))], rules: rules), Person("ann", "eng"), Message())).Caps;

        Assert.Equal(
            [
                new CounterKey("p", CapScope.User, "ann", CapUnit.Tokens),
                new CounterKey("p", CapScope.Group, "eng", CapUnit.Tokens),
                new CounterKey("everyone", CapScope.Account, "", CapUnit.NanoUsd, FromRule: true),
                new CounterKey("named", CapScope.Account, "", CapUnit.Tokens, FromRule: true),
                new CounterKey("named", CapScope.User, "ann", CapUnit.Tokens, FromRule: true),
                new CounterKey("eng-rule", CapScope.Group, "eng", CapUnit.Tokens, FromRule: true),
                new CounterKey("eng-rule", CapScope.User, "ann", CapUnit.Tokens, FromRule: true),
            ],
            caps.Select(cap => cap.Counter));
        Assert.Equal([10, 100, 9_000, 8_000, 800, 7_000, 700], caps.Select(cap => cap.Limit));
        Assert.Equal([false, false, false, false, false, true, true], caps.Select(cap => cap.Strict));
    }

    [Theory]
    [InlineData("claude-sonnet-5-5", true)]
    [InlineData("claude-haiku-4-5", true)]
    [InlineData("claude-opus-5-5", false)]
    public void Evaluate_Allowlist_AllowsOnlyWhatItNames(string model, bool allowed)
    {
        var snapshot = Snapshot(
            [Access("p", ["eng"], guardrails: ["g"])],
            [new(new("g"), "Cheap", ["claude-sonnet-*", "claude-haiku-4-5"], null, null)]);

        var decision = PolicyEvaluator.Evaluate(snapshot, Person("ann", "eng"), Message(model));

        Assert.Equal(allowed, decision is PolicyDecision.Allowed);
        if (decision is PolicyDecision.Denied denied)
        {
            Assert.Equal(DenyReason.ModelNotAllowed, denied.Reason);
            Assert.Contains("Allowed: claude-sonnet-*, claude-haiku-4-5.", denied.Explanation, StringComparison.Ordinal);
        }
    }

    /// <summary>A request may name models beside its own: to fall back to, or as an advisor. A list of allowed models is for all of them.</summary>
    [Theory]
    [InlineData("claude-haiku-5-5", false, true, "")]
    [InlineData("claude-opus-5-5", false, false, "\"claude-opus-5-5\" is not allowed")]
    [InlineData("claude-haiku-5-5", true, false, "The `fallbacks` parameter is not supported as \"default\" here")]
    public void Evaluate_Allowlist_IsForEveryModelOfTheRequest(string other, bool any, bool allowed, string says)
    {
        var snapshot = Snapshot(
            [Access("p", ["eng"], guardrails: ["g"])],
            [new(new("g"), "Cheap", ["claude-haiku-*"], null, null)]);
        var request = Message("claude-haiku-4-5") with { OtherModels = [other], AnyFallback = any };

        var decision = PolicyEvaluator.Evaluate(snapshot, Person("ann", "eng"), request);

        Assert.Equal(allowed, decision is PolicyDecision.Allowed);
        Assert.Contains(says, decision is PolicyDecision.Denied denied ? denied.Explanation : "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("*", true)]
    [InlineData("claude-*", true)]
    [InlineData("claude-opus-*", false)]
    public void Evaluate_FallbackOfTheProvidersChoice_NeedsAllModelsAllowed(string pattern, bool allowed)
    {
        var snapshot = Snapshot([Access("p", ["eng"], guardrails: ["g"])], [new(new("g"), "G", [pattern], null, null)]);

        var decision = PolicyEvaluator.Evaluate(snapshot, Person("ann", "eng"), Message() with { AnyFallback = true });

        Assert.Equal(allowed, decision is PolicyDecision.Allowed);
    }

    [Theory]
    [InlineData(4096L, true)]
    [InlineData(4097L, false)]
    [InlineData(null, false)]
    public void Evaluate_MaxTokensCeiling_HoldsForMessages(long? maxTokens, bool allowed)
    {
        var snapshot = Snapshot([Access("p", ["eng"], guardrails: ["g"])], [new(new("g"), "G", null, 4096, null)]);

        var decision = PolicyEvaluator.Evaluate(snapshot, Person("ann", "eng"), Message(maxTokens: maxTokens));

        Assert.Equal(allowed, decision is PolicyDecision.Allowed);
        Assert.True(allowed || decision is PolicyDecision.Denied { Reason: DenyReason.MaxTokensTooHigh });
    }

    [Fact]
    public void Evaluate_SeveralGuardrails_AllMustHoldAndCaptureIsRedactedIfAnyAsks()
    {
        var snapshot = Snapshot(
            [Access("p", ["eng"], guardrails: ["a", "b", "c"])],
            [
                new(new("a"), "A", ["claude-*"], null, new(RedactPii: true)),
                new(new("b"), "B", ["*-opus-5-5"], null, new(RedactPii: false)),
                new(new("c"), "C", null, 2000, null),
            ]);

        Assert.Equal(new PromptCapture(true), Assert.Single(Allowed(snapshot, Person("ann", "eng"), Message())).Capture);
        Assert.Equal(DenyReason.ModelNotAllowed, Denied(snapshot, Person("ann", "eng"), Message("claude-opus-5")).Reason);
    }

    [Fact]
    public void Evaluate_GuardrailMissing_Denies()
        => Assert.Equal(
            DenyReason.CheckFailed,
            Denied(Snapshot([Access("p", ["eng"], guardrails: ["gone"])]), Person("ann", "eng"), Message()).Reason);

    [Fact]
    public void Evaluate_ProviderNotEnabled_Denies()
        => Assert.Equal(
            DenyReason.NoMatchingPolicy,
            Denied(Snapshot([Access("p", ["eng"])], providers: []), Person("ann", "eng"), Message()).Reason);

    [Fact]
    public void Evaluate_ProviderOffersOtherModels_Denies()
        => Assert.Equal(
            DenyReason.ModelNotAllowed,
            Denied(
                Snapshot([Access("p", ["eng"])], providers: [new(Anthropic, "A", ["claude-haiku-4-5"])]),
                Person("ann", "eng"),
                Message()).Reason);

    [Theory]
    [InlineData(RequestKind.Batches, false)]
    [InlineData(RequestKind.Batches, true)]
    public void Evaluate_Batches_NeedThePolicyToSaySo(RequestKind kind, bool allowed)
    {
        var snapshot = Snapshot([Access("p", ["eng"]) with { AllowBatches = allowed }]);

        var decision = PolicyEvaluator.Evaluate(snapshot, Person("ann", "eng"), Message() with { Kind = kind });

        Assert.Equal(allowed, decision is PolicyDecision.Allowed);
        Assert.True(allowed || decision is PolicyDecision.Denied { Reason: DenyReason.CallNotOffered });
    }

    [Fact]
    public void Evaluate_BatchWithOneOtherModel_NamesIt()
    {
        var snapshot = Snapshot(
            [Access("p", ["eng"], guardrails: ["g"]) with { AllowBatches = true }], [new(new("g"), "G", ["claude-haiku-*"], 4_000, null)]);
        ModelRequest Batch(params ModelRequest[] items) => Message("") with { Kind = RequestKind.Batches, Batch = [.. items] };
        var fine = Message("claude-haiku-4-5") with { MaxOutputTokens = 4_000 };

        Assert.Single(Allowed(snapshot, Person("ann", "eng"), Batch(fine, fine)));
        Assert.Contains("claude-opus-5-5", Denied(snapshot, Person("ann", "eng"), Batch(fine, fine with { Model = "claude-opus-5-5" })).Explanation, StringComparison.Ordinal);
        Assert.Contains("4001", Denied(snapshot, Person("ann", "eng"), Batch(fine with { MaxOutputTokens = 4_001 }, fine)).Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void Evaluate_BatchUnderAStrictLimit_IsRefusedAndItsResultsAreNot()
    {
        var snapshot = Snapshot([Access("p", ["eng"], Tokens(1, 1, strict: true)) with { AllowBatches = true }]);
        var creation = Message("") with { Kind = RequestKind.Batches, Batch = [Message()] };

        var denied = Denied(snapshot, Person("ann", "eng"), creation);

        Assert.Equal(DenyReason.CallNotOffered, denied.Reason);
        Assert.Contains("strict limit", denied.Explanation, StringComparison.Ordinal);
        Assert.NotEmpty(Assert.Single(Allowed(snapshot, Person("ann", "eng"), creation with { Batch = null })).Caps);
    }

    [Fact]
    public void Evaluate_ToolsOfTheProviderUnderAStrictLimit_GoToTheNextPolicyOrAreRefused()
    {
        var strict = Access("strict", ["eng"], Tokens(1, 1, strict: true));
        var request = Message() with { ProviderTools = true };

        var denied = Denied(Snapshot([strict]), Person("ann", "eng"), request);

        Assert.Equal(DenyReason.CallNotOffered, denied.Reason);
        Assert.Contains("not offered under the strict limit of \"strict\"", denied.Explanation, StringComparison.Ordinal);
        Assert.Equal("next", Assert.Single(Allowed(Snapshot([strict, Access("next", ["eng"], Tokens(1, 1))]), Person("ann", "eng"), request)).PolicyName);
        Assert.Single(Allowed(Snapshot([strict]), Person("ann", "eng"), request with { Kind = RequestKind.CountTokens }));
        Assert.Single(Allowed(Snapshot([strict]), Person("ann", "eng"), Message()));
    }

    [Theory]
    [InlineData(RequestKind.Other)]
    [InlineData(RequestKind.BatchResult)]
    [InlineData((RequestKind)0)]
    [InlineData((RequestKind)77)]
    public void Evaluate_UnknownCall_Denies(RequestKind kind)
        => Assert.Equal(
            DenyReason.CallNotOffered,
            Denied(Snapshot([Access("p", ["eng"])]), Person("ann", "eng"), Message() with { Kind = kind }).Reason);

    [Fact]
    public void Evaluate_CountTokens_IsUnderNoCap()
    {
        var snapshot = Snapshot([Access("p", ["eng"], Tokens(1, 1))]);

        Assert.Empty(Assert.Single(Allowed(snapshot, Person("ann", "eng"), Message() with { Kind = RequestKind.CountTokens })).Caps);
    }

    [Fact]
    public void Evaluate_HostileModelId_IsCutAndCleaned()
    {
        var snapshot = Snapshot([Access("p", ["eng"], guardrails: ["g"])], [new(new("g"), "G", ["x"], null, null)]);

        var text = Denied(snapshot, Person("ann", "eng"), Message("\u001b[2J\n\"" + new string('a', 500))).Explanation;

        Assert.DoesNotContain('\u001b', text);
        Assert.DoesNotContain('\n', text);
        Assert.True(text.Length < 250, text);
    }

    private static System.Collections.Immutable.ImmutableArray<Candidate> Allowed(
        PolicySnapshot snapshot, Caller caller, ModelRequest request)
        => Assert.IsType<PolicyDecision.Allowed>(PolicyEvaluator.Evaluate(snapshot, caller, request)).Candidates;

    private static PolicyDecision.Denied Denied(PolicySnapshot snapshot, Caller caller, ModelRequest request)
        => Assert.IsType<PolicyDecision.Denied>(PolicyEvaluator.Evaluate(snapshot, caller, request));
}
