using System.ComponentModel;

namespace NetBird.WireGuard.Linux.Netlink;

/// <summary>The kernel, or a socket call on the way to it, refused; says what we were doing.</summary>
internal sealed class NetlinkException : IOException
{
    /// <param name="doing">What was tried, to follow "could not": "add route 10.0.0.0/8 to link 3".</param>
    /// <param name="errno">A positive errno of Linux.</param>
    /// <param name="detail">The kernel's own words (NLMSGERR_ATTR_MSG), where it sent any.</param>
    public NetlinkException(string doing, int errno, string? detail = null)
        : base($"Could not {doing}: {new Win32Exception(errno).Message} (errno {errno}){(detail is null ? "" : $"; the kernel says: {detail}")}.")
    {
        Doing = doing;
        Errno = errno;
    }

    public string Doing { get; }

    public int Errno { get; }
}
