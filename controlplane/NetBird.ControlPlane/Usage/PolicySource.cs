using NetBird.Policy;

namespace NetBird.ControlPlane.Usage;

/// <summary>The policies in force, once there are any: the usage store is open before the configuration is read.</summary>
internal sealed class PolicySource
{
    private Func<PolicySnapshot?> _current = () => null;

    public PolicySnapshot? Current => Volatile.Read(ref _current)();

    public void Follow(Func<PolicySnapshot?> current) => Volatile.Write(ref _current, current);
}
