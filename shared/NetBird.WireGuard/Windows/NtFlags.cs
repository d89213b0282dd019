namespace NetBird.WireGuard.Windows;

/// <summary>Numbers of <c>wireguard.h</c>, WireGuardNT 0.10.</summary>
internal static class NtFlags
{
    /// <summary>WIREGUARD_INTERFACE_FLAG.</summary>
    [Flags]
    public enum Interface : uint
    {
        None = 0,
        HasPublicKey = 1,
        HasPrivateKey = 2,
        HasListenPort = 4,
        ReplacePeers = 8,
    }

    /// <summary>WIREGUARD_PEER_FLAG.</summary>
    [Flags]
    public enum Peer : uint
    {
        None = 0,
        HasPublicKey = 1,
        HasPresharedKey = 2,
        HasPersistentKeepalive = 4,
        HasEndpoint = 8,
        ReplaceAllowedIPs = 0x20,
        Remove = 0x40,
        UpdateOnly = 0x80,
    }

    /// <summary>WIREGUARD_ADAPTER_STATE.</summary>
    public enum State
    {
        Down = 0,
        Up = 1,
    }

    /// <summary>WIREGUARD_ADAPTER_LOG_STATE.</summary>
    public enum Logging
    {
        Off = 0,
        On = 1,
        OnWithPrefix = 2,
    }

    /// <summary>WIREGUARD_LOGGER_LEVEL.</summary>
    public enum LogLevel
    {
        Information = 0,
        Warning = 1,
        Error = 2,
    }
}
