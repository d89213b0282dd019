using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Forms;

/// <summary>What a form may refer to: records of the change that is being made. REST refers by id, <c>apply</c> by name.</summary>
internal sealed class References(ConfigurationDraft draft, bool byName)
{
    /// <summary>What a reference is, for refusals.</summary>
    public string By => byName ? "named" : "with the id";

    public ConfigurationDraft Draft => draft;

    public GroupId? Group(string text)
        => byName && draft.Groups.All.FirstOrDefault(group => Names.Same(group.Name, text)) is { } named ? named.Id
            : GroupId.TryParse(text, out var id) && draft.Groups.Contains(id) ? id : null;

    public ProviderId? Provider(string text)
        => byName && draft.Providers.All.FirstOrDefault(provider => Names.Same(provider.Name, text)) is { } named ? named.Id
            : ProviderId.TryParse(text, out var id) && draft.Providers.Contains(id) ? id : null;

    public GuardrailId? Guardrail(string text)
        => byName && draft.Guardrails.All.FirstOrDefault(guardrail => Names.Same(guardrail.Name, text)) is { } named ? named.Id
            : GuardrailId.TryParse(text, out var id) && draft.Guardrails.Contains(id) ? id : null;

    /// <summary>By name means by e-mail here, where exactly one person has it; people are else told by their id.</summary>
    public UserId? User(string text)
    {
        if (byName)
        {
            var named = draft.Users.All.Where(user => Names.Same(user.Email, text) || Names.Same(user.Name, text)).Take(2).ToList();
            if (named.Count == 1)
            {
                return named[0].Id;
            }
        }

        return UserId.TryParse(text, out var id) && draft.Users.Contains(id) ? id : null;
    }

    public PeerId? Peer(string text)
        => PeerId.TryParse(text, out var id) && draft.Peers.Contains(id) ? id : null;
}
