namespace NetBird.Policy;

/// <summary>Pure: snapshot, caller and request to a decision. Default deny.</summary>
public static class PolicyEvaluator
{
    /// <summary>Decides which policies allow the request, and under which caps.</summary>
    public static PolicyDecision Evaluate(PolicySnapshot snapshot, Caller caller, ModelRequest request)
        => throw new NotImplementedException();
}
