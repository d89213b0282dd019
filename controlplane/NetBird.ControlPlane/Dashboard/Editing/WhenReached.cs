namespace NetBird.ControlPlane.Dashboard.Editing;

/// <summary>What happens at a limit: one choice of three, where REST has the two flags <c>strict</c> and <c>soft</c>.</summary>
public enum WhenReached
{
    /// <summary>The next request is refused; those in flight may pass the cap by a little.</summary>
    Refuse,

    /// <summary>Each request reserves the most it can cost, so that the cap is never passed.</summary>
    NeverPassed,

    /// <summary>Nobody is refused; administrators are told.</summary>
    WarnOnly,
}
