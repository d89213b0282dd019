namespace NetBird.WireGuard.Configuration;

/// <summary>Reads and changes an interface by the fields of wg(8): the kernel's, WireGuardNT's, or ours.</summary>
internal interface IInterfaceControl
{
    InterfaceState Read();

    /// <summary>Applies a change in order; what was done before a refusal stays done, as with the kernel.</summary>
    /// <exception cref="IOException">The interface refused.</exception>
    void Apply(InterfaceChange change);
}
