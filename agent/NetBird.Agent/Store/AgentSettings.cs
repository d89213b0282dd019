namespace NetBird.Agent.Store;

/// <summary>What the person chose with <c>up</c>; kept across restarts.</summary>
internal sealed record AgentSettings
{
    /// <summary>Base URL of the control plane; null before the first <c>up</c>.</summary>
    public string? ManagementUrl { get; init; }

    /// <summary>ADDR:PORT of the local endpoint.</summary>
    public string Endpoint { get; init; } = DefaultEndpoint;

    /// <summary>auto, kernel, userspace or rootless.</summary>
    public string Tunnel { get; init; } = "auto";

    /// <summary>own or host.</summary>
    public string TunnelNamespace { get; init; } = "own";

    /// <summary>Whether the person wants the tunnel: true after <c>up</c>, false after <c>down</c>.</summary>
    public bool WantUp { get; init; }

    public const string DefaultEndpoint = "127.0.0.1:8788";
}
