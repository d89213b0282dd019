using System.Collections.Immutable;
using System.Text.Json.Nodes;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Scim;

/// <summary>The groups that SCIM owns, and only those: hand-made ones and the claim's keep their members.</summary>
internal static class ScimGroups
{
    private const int LongestName = 128;

    public static bool IsShown(Group group) => group.Source == GroupSource.Scim;

    public static IEnumerable<JsonObject> All(Configuration configuration, string url)
    {
        var members = MembersOf(configuration);
        return configuration.Groups.Values.Where(IsShown).OrderBy(group => group.CreatedAt).ThenBy(group => group.Id)
            .Select(group => Of(configuration, group, members.GetValueOrDefault(group.Id) ?? [], url));
    }

    public static JsonObject Of(Configuration configuration, Group group, string url)
        => Of(configuration, group, [.. configuration.Users.Values.Where(user => user.ScimGroups.Contains(group.Id)).Select(user => user.Id).Order()], url);

    /// <summary>What a client may write of a group.</summary>
    public static JsonObject Attributes(ConfigurationDraft draft, Group group)
    {
        var resource = new JsonObject { ["displayName"] = group.Name };
        if (group.ExternalId is { } external)
        {
            resource["externalId"] = external;
        }

        var members = draft.Users.All.Where(user => user.ScimGroups.Contains(group.Id)).Select(user => user.Id).Order()
            .Select(id => (JsonNode)new JsonObject { ["value"] = id.Value }).ToArray();
        if (members.Length > 0)
        {
            resource["members"] = new JsonArray(members);
        }

        return resource;
    }

    /// <exception cref="ScimException">The name is missing or taken, or a member does not exist.</exception>
    public static Group Write(ConfigurationDraft draft, Group basis, JsonObject resource, DateTimeOffset now)
    {
        var name = (resource["displayName"] as JsonValue)?.GetValue<string>().Trim() ?? "";
        if (name.Length is 0 or > LongestName)
        {
            throw ScimException.InvalidValue($"displayName is required and has at most {LongestName} characters.");
        }

        if (draft.Groups.All.FirstOrDefault(other => other.Id != basis.Id && Names.Same(other.Name, name)) is { } other)
        {
            basis = TakeOver(draft, basis, other);
        }

        var group = basis with
        {
            Name = name,
            Source = GroupSource.Scim,
            ExternalId = (resource["externalId"] as JsonValue)?.GetValue<string>(),
            ModifiedAt = now,
        };
        draft.Groups.Put(group);
        SetMembers(draft, group.Id, Members(draft, resource["members"] as JsonArray));
        return group;
    }

    /// <exception cref="ScimException">A policy, rule or key names the group.</exception>
    public static void Remove(ConfigurationDraft draft, Group group)
    {
        if (GroupRemoval.Objection(draft, group) is { } objection)
        {
            throw new ScimException(409, null, objection);
        }

        GroupRemoval.Remove(draft, group.Id);
    }

    /// <summary>
    /// A group that was only seen in a token's claim becomes SCIM's, with policies that name it; one made by hand does not,
    /// since its members were chosen here.
    /// </summary>
    private static Group TakeOver(ConfigurationDraft draft, Group basis, Group other)
    {
        if (other.Source != GroupSource.Idp || draft.Groups.Contains(basis.Id))
        {
            throw ScimException.Uniqueness(other.Source == GroupSource.Api
                ? "A group of this name was made by hand in the control plane. Rename or delete it there, or use another name."
                : "Another group has this displayName.");
        }

        foreach (var user in draft.Users.All.Where(user => user.IdpGroups.Contains(other.Id)).ToList())
        {
            draft.Users.Put(user with { IdpGroups = user.IdpGroups.Remove(other.Id) });
        }

        return other;
    }

    private static JsonObject Of(Configuration configuration, Group group, List<UserId> members, string url)
    {
        var whole = new JsonObject
        {
            ["schemas"] = new JsonArray(ScimSchema.GroupId),
            ["id"] = group.Id.Value,
            ["displayName"] = group.Name,
        };
        if (group.ExternalId is { } external)
        {
            whole["externalId"] = external;
        }

        if (members.Count > 0)
        {
            whole["members"] = new JsonArray([.. members.Select(id => new JsonObject
            {
                ["value"] = id.Value,
                ["$ref"] = $"{url}/Users/{id.Value}",
                ["display"] = configuration.Users[id].DisplayName(),
                ["type"] = "User",
            })]);
        }

        return ScimResource.WithMeta(whole, "Group", $"{url}/Groups/{group.Id.Value}", group.CreatedAt, group.ModifiedAt);
    }

    private static Dictionary<GroupId, List<UserId>> MembersOf(Configuration configuration)
    {
        var members = new Dictionary<GroupId, List<UserId>>();
        foreach (var user in configuration.Users.Values.OrderBy(user => user.Id))
        {
            foreach (var group in user.ScimGroups)
            {
                if (!members.TryGetValue(group, out var list))
                {
                    members[group] = list = [];
                }

                list.Add(user.Id);
            }
        }

        return members;
    }

    private static HashSet<UserId> Members(ConfigurationDraft draft, JsonArray? sent)
    {
        var members = new HashSet<UserId>();
        foreach (var item in sent ?? [])
        {
            // Groups in groups are flattened by the IdP: Okta and Entra ID both send people only.
            if (!UserId.TryParse((item as JsonObject)?["value"] is JsonValue value ? value.GetValue<string>() : null, out var id)
                || !draft.Users.TryGet(id, out var user) || !ScimUsers.IsShown(user))
            {
                throw ScimException.InvalidValue("A member is no user that SCIM knows; groups within groups are not taken.");
            }

            members.Add(id);
        }

        return members;
    }

    private static void SetMembers(ConfigurationDraft draft, GroupId group, HashSet<UserId> members)
    {
        foreach (var user in draft.Users.All.Where(user => user.ScimGroups.Contains(group) != members.Contains(user.Id)).ToList())
        {
            draft.Users.Put(user with { ScimGroups = members.Contains(user.Id) ? user.ScimGroups.Add(group) : user.ScimGroups.Remove(group) });
        }
    }
}
