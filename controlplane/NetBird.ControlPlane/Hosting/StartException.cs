namespace NetBird.ControlPlane.Hosting;

/// <summary>The control plane cannot start. The message is for the operator: what failed and what to do.</summary>
internal sealed class StartException(string message, Exception? inner = null) : Exception(message, inner);
