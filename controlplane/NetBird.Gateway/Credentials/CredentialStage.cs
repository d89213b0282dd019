using NetBird.Gateway.Refusals;

namespace NetBird.Gateway.Credentials;

/// <summary>
/// Stage 4: the provider's key takes the place of whatever the caller sent (which <see cref="Forwarding.HeaderRules"/> leaves
/// behind). Without a key nothing goes out.
/// </summary>
internal sealed class CredentialStage(IProviderKeys keys)
{
    public Refusal? Attach(GatewayCall call)
    {
        call.Key = keys.Current(call.Provider!.Id, []);
        return call.Key is null ? Refusal.KeyRefused(call.Provider.Name) : null;
    }

    /// <summary>The provider refused or limited the key in use. Moves on to the next; false when there is none.</summary>
    public bool TryNext(GatewayCall call, int status, HashSet<string> tried)
    {
        var refused = call.Key!;
        keys.ReportRefused(call.Provider!.Id, refused.Id, status);
        tried.Add(refused.Id);
        if (keys.Current(call.Provider.Id, tried) is not { } next || tried.Contains(next.Id))
        {
            return false;
        }

        call.Key = next;
        return true;
    }
}
