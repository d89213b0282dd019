namespace NetBird.ControlPlane.Forms;

/// <summary>One thing that is wrong with what somebody sent.</summary>
/// <param name="Path">Field, such as <c>limits.token_limit.window_seconds</c> or <c>models[2].id</c>; empty: the whole.</param>
/// <param name="Message">What is wrong and what to do, as a sentence.</param>
/// <param name="Place">Line and column, where known.</param>
internal sealed record FormError(string Path, string Message, FormPlace? Place);
