using System.Text.Json;
using System.Text.Json.Nodes;
using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Scim;

/// <summary>People as SCIM has them: the company's, whether SCIM made them or they logged in first. Ours and machines' are not among them.</summary>
internal static class ScimUsers
{
    private const int LongestName = 254;

    public static bool IsShown(User user)
        => user is { IsServiceUser: false, ScimGone: false } && (user.IsScim || (user.Issuer.Length > 0 && user.Issuer != User.EmbeddedIssuer));

    public static IEnumerable<JsonObject> All(Configuration configuration, string url)
        => configuration.Users.Values.Where(IsShown).OrderBy(user => user.CreatedAt).ThenBy(user => user.Id).Select(user => Of(configuration, user, url));

    public static JsonObject Of(Configuration configuration, User user, string url)
    {
        var resource = Attributes(user);
        var schemas = new JsonArray(ScimSchema.UserId);
        if (resource.ContainsKey(ScimSchema.EnterpriseId))
        {
            schemas.Add(ScimSchema.EnterpriseId);
        }

        var whole = new JsonObject { ["schemas"] = schemas, ["id"] = user.Id.Value };
        foreach (var (field, value) in resource.ToList())
        {
            resource.Remove(field);
            whole[field] = value;
        }

        var groups = user.ScimGroups.Where(configuration.Groups.ContainsKey).Select(id => (JsonNode)new JsonObject
        {
            ["value"] = id.Value,
            ["$ref"] = $"{url}/Groups/{id.Value}",
            ["display"] = configuration.Groups[id].Name,
            ["type"] = "direct",
        }).ToArray();
        if (groups.Length > 0)
        {
            whole["groups"] = new JsonArray(groups);
        }

        return ScimResource.WithMeta(whole, "User", $"{url}/Users/{user.Id.Value}", user.CreatedAt, user.ModifiedAt);
    }

    /// <summary>What a client may write of a person, as it was last written, or made of what else is known.</summary>
    public static JsonObject Attributes(User user)
    {
        var resource = user.ScimAttributes is { } stored ? JsonNode.Parse(stored)!.AsObject() : []; // we wrote an object
        resource["userName"] ??= user.Email.Length > 0 ? user.Email : user.Id.Value;
        if (user.ScimAttributes is null)
        {
            if (user.Name.Length > 0)
            {
                resource["displayName"] = user.Name;
            }

            if (user.Email.Length > 0)
            {
                resource["emails"] = new JsonArray(new JsonObject { ["value"] = user.Email, ["type"] = "work", ["primary"] = true });
            }
        }

        if (user.ExternalId is { } external)
        {
            resource["externalId"] = external;
        }

        // What an administrator here, or the IdP's login, decided counts.
        resource["active"] = user.Status == UserStatus.Active;
        return resource;
    }

    /// <summary>The person with these attributes.</summary>
    /// <exception cref="ScimException">The name is missing or taken, or the last owner would be locked out.</exception>
    public static User Write(ConfigurationDraft draft, User basis, JsonObject resource, DateTimeOffset now)
    {
        var name = Text(resource["userName"]);
        if (name.Length is 0 or > LongestName)
        {
            throw ScimException.InvalidValue($"userName is required and has at most {LongestName} characters.");
        }

        if (draft.Users.All.FirstOrDefault(other => other.Id != basis.Id && IsShown(other) && Names.Same(UserName(other), name)) is { } other)
        {
            throw ScimException.Uniqueness($"Another person, {other.Id.Value}, has this userName.");
        }

        var active = resource["active"] is not JsonValue flag || flag.GetValue<bool>();
        if (!active && basis.Role == Role.Owner && UserRemoval.IsLastOwner(draft, basis.Id))
        {
            throw ScimException.Mutability("This is the last active owner of the account; make another one first.");
        }

        var stored = resource.DeepClone().AsObject();
        stored.Remove("active");
        stored.Remove("externalId");
        var user = basis with
        {
            Name = Shown(resource),
            Email = Email(resource, name),
            Status = active ? UserStatus.Active : UserStatus.Disabled,
            ExternalId = resource["externalId"] is JsonValue external ? external.GetValue<string>() : null,
            IsScim = true,
            ScimAttributes = stored.ToJsonString(StoreJson.Options),
            ModifiedAt = now,
        };
        draft.Users.Put(user);
        return user;
    }

    /// <summary>
    /// Takes a person out. Where a budget rule names them alone they stay as a disabled record that SCIM no longer sees:
    /// without its last target the rule would hold for everyone.
    /// </summary>
    /// <exception cref="ScimException">It is the last owner.</exception>
    public static void Remove(ConfigurationDraft draft, User user, DateTimeOffset now)
    {
        if (user.Role == Role.Owner && UserRemoval.IsLastOwner(draft, user.Id))
        {
            throw new ScimException(403, null, "This is the last active owner of the account; make another one first.");
        }

        if (UserRemoval.Objection(draft, user) is null)
        {
            UserRemoval.Remove(draft, user.Id);
            return;
        }

        foreach (var peer in draft.Peers.All.Where(peer => peer.User == user.Id).ToList())
        {
            draft.Peers.Remove(peer.Id);
        }

        draft.Users.Put(user with { Status = UserStatus.Disabled, ScimGone = true, ScimGroups = [], ModifiedAt = now });
    }

    public static string UserName(User user)
        => user.ScimAttributes is { } stored && JsonNode.Parse(stored) is JsonObject resource && Text(resource["userName"]) is { Length: > 0 } name
            ? name : user.Email;

    private static string Shown(JsonObject resource)
    {
        var name = resource["name"] as JsonObject;
        var whole = string.Join(' ', new[] { Text(name?["givenName"]), Text(name?["familyName"]) }.Where(part => part.Length > 0));
        var shown = new[] { Text(resource["displayName"]), Text(name?["formatted"]), whole }.FirstOrDefault(text => text.Length > 0) ?? "";
        return shown.Length > 128 ? shown[..128] : shown;
    }

    private static string Email(JsonObject resource, string userName)
    {
        var emails = (resource["emails"] as JsonArray)?.OfType<JsonObject>().ToList() ?? [];
        var chosen = emails.FirstOrDefault(email => email["primary"] is JsonValue flag && flag.GetValueKind() == JsonValueKind.True)
            ?? emails.FirstOrDefault(email => Names.Same(Text(email["type"]), "work")) ?? emails.FirstOrDefault();
        var text = Text(chosen?["value"]);
        return text.Length is > 0 and <= LongestName ? text : userName.Contains('@', StringComparison.Ordinal) ? userName : "";
    }

    private static string Text(JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : "";
}
