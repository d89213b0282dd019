using Microsoft.Extensions.Logging;
using NetBird.Agent.Store;

namespace NetBird.Agent.Endpoint;

/// <summary>
/// Whom this agent serves: the person whose process it is, or, for a service of the system, the person it was set up for.
/// </summary>
internal sealed class EndpointOwner
{
    private readonly AgentStore _store;

    public EndpointOwner(AgentStore store, ILogger<OwnerOnly> logger)
    {
        _store = store;
        Guard = new OwnerOnly(this, administratorsToo: false, logger);
        GuardWithAdministrators = new OwnerOnly(this, administratorsToo: true, logger);
    }

    public AccountId Account => _store.Settings.Owner ?? ProcessOwner.Account;

    /// <summary>For the endpoint: the owner alone.</summary>
    public OwnerOnly Guard { get; }

    /// <summary>For the daemon's own sockets: an administrator as well, who sets services up.</summary>
    public OwnerOnly GuardWithAdministrators { get; }
}
