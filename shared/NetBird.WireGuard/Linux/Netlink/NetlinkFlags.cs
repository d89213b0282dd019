namespace NetBird.WireGuard.Linux.Netlink;

/// <summary>NLM_F_* of linux/netlink.h.</summary>
[Flags]
internal enum NetlinkFlags : ushort
{
    None = 0,
    Request = 0x1,
    Ack = 0x4,

    /// <summary>On an answer: the dump met a change and is not one consistent picture.</summary>
    DumpInterrupted = 0x10,

    /// <summary>NLM_F_ROOT | NLM_F_MATCH.</summary>
    Dump = 0x300,

    /// <summary>On a change: NLM_F_REPLACE.</summary>
    Replace = 0x100,
    Exclusive = 0x200,
    Create = 0x400,
}
