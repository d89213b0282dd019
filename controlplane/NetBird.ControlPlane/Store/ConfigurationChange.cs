using NetBird.Primitives;

namespace NetBird.ControlPlane.Store;

/// <summary>
/// One step of the configuration. Maps of <see cref="Before"/> and <see cref="Now"/> that did not change are the same
/// object, so asking is free; for those that grow with the account it says which records.
/// </summary>
/// <param name="Before">The version that was current until now.</param>
/// <param name="Now">The newest one.</param>
/// <param name="Peers">Machines that were put or removed.</param>
/// <param name="Users">People who were.</param>
internal sealed record ConfigurationChange(
    Configuration Before, Configuration Now, IReadOnlySet<PeerId> Peers, IReadOnlySet<UserId> Users)
{
    /// <summary>Whether groups were put or removed, which may concern any person and any machine.</summary>
    public bool Groups => !ReferenceEquals(Before.Groups, Now.Groups);
}
