namespace NetBird.WireGuard;

/// <summary>Log event ids of this project: one block of 100 per feature.</summary>
internal static class EventIds
{
    public const int Engine = 1000;
    public const int Linux = 1100;
    public const int Netlink = 1200;
    public const int Windows = 1300;
    public const int NetStack = 1400;
    public const int Uapi = 1500;
    public const int External = 1600;
}
