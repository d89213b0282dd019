namespace NetBird.Agent.Store;

/// <summary>What the person chose with <c>up</c>; kept across restarts.</summary>
internal sealed record AgentSettings
{
    /// <summary>Base URL of the control plane; null before the first <c>up</c>.</summary>
    public string? ManagementUrl { get; init; }

    /// <summary>ADDR:PORT of the local endpoint.</summary>
    public string Endpoint { get; init; } = DefaultEndpoint;

    /// <summary>ADDR:PORT of the https form, which listens once the account has a name for it.</summary>
    public string HttpsEndpoint { get; init; } = DefaultHttpsEndpoint;

    /// <summary>Whom a service of the system serves; null: the account it runs as.</summary>
    public AccountId? Owner { get; init; }

    /// <summary>auto, kernel, userspace or rootless.</summary>
    public string Tunnel { get; init; } = "auto";

    /// <summary>own or host.</summary>
    public string TunnelNamespace { get; init; } = "own";

    /// <summary>Whether the person wants the tunnel: true after <c>up</c>, false after <c>down</c>.</summary>
    public bool WantUp { get; init; }

    public const string DefaultEndpoint = "127.0.0.1:8788";

    /// <summary>
    /// An address of its own, so that a web server on 127.0.0.1:443 stays; macOS gives loopback one address only.
    /// </summary>
    public static readonly string DefaultHttpsEndpoint = OperatingSystem.IsMacOS() ? "127.0.0.1:443" : "127.0.87.88:443";
}
