namespace NetBird.WireGuard.Uapi;

/// <summary>A request that cannot be carried out; its errno is the answer on the socket.</summary>
/// <remarks>The message names keys of the protocol, never values: those may be secret.</remarks>
internal sealed class UapiException(int errno, string message) : IOException(message)
{
    // asm-generic/errno.h
    public const int InputOutput = 5;
    public const int Invalid = 22;
    public const int MessageTooLong = 90;
    public const int AddressInUse = 98;

    public int Errno { get; } = errno;
}
