using NetBird.Agent.Store;

namespace NetBird.Agent.Endpoint;

/// <summary>Who is at the other end of a connection on this machine, by what the kernel says.</summary>
/// <param name="Account">Whose process it is.</param>
/// <param name="IsAdministrator">Root, or on Windows a process that runs with an administrator's rights.</param>
internal readonly record struct Caller(AccountId Account, bool IsAdministrator)
{
    public static Caller OfUid(uint uid) => new(AccountId.OfUid(uid), uid == 0);
}
