using System.Globalization;
using System.Text.Json.Nodes;
using NetBird.ControlPlane.AdminApi;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Scim;

/// <summary><c>/scim/v2</c> (RFC 7644): the IdP pushes people and groups.</summary>
internal sealed class ScimEndpoints(IConfigurationStore store, PublicUrl publicUrl, TimeProvider time)
{
    public const string Path = "/scim/v2";

    private const int MostResults = 1000;
    private const int UsualResults = 100;

    private readonly string _url = publicUrl.Value.GetLeftPart(UriPartial.Authority) + Path;

    public static void Map(IEndpointRouteBuilder app)
    {
        var scim = app.ServiceProvider.GetRequiredService<ScimEndpoints>();
        var root = app.MapGroup(Path);
        root.AddEndpointFilter(app.ServiceProvider.GetRequiredService<ScimGate>().InvokeAsync);
        root.MapGet("/ServiceProviderConfig", scim.Describe);
        root.MapGet("/Schemas", () => List([.. Schemas().Select(schema => schema.Describe(scim._url))], 1));
        root.MapGet("/Schemas/{id}", (string id) => new ScimAnswer(
            Schemas().FirstOrDefault(schema => string.Equals(schema.Id, id, StringComparison.OrdinalIgnoreCase))?.Describe(scim._url) ?? throw ScimException.NotFound("schema")));
        root.MapGet("/ResourceTypes", () => List([scim.ResourceType(ScimSchema.User), scim.ResourceType(ScimSchema.Group)], 1));
        root.MapGet("/ResourceTypes/{id}", (string id) => new ScimAnswer(scim.ResourceType(id switch
        {
            "User" => ScimSchema.User,
            "Group" => ScimSchema.Group,
            _ => throw ScimException.NotFound("resource type"),
        })));
        root.MapGet("/Users", (HttpContext http) => Search(http, ScimSchema.User, ScimUsers.All(scim.Now, scim._url)));
        root.MapPost("/Users", (Delegate)scim.CreateUserAsync);
        root.MapGet("/Users/{id}", (string id, HttpContext http) => Show(http, ScimSchema.User, scim.UserResource(scim.Now, id)));
        root.MapPut("/Users/{id}", scim.ReplaceUserAsync);
        root.MapPatch("/Users/{id}", scim.PatchUserAsync);
        root.MapDelete("/Users/{id}", scim.DeleteUserAsync);
        root.MapGet("/Groups", (HttpContext http) => Search(http, ScimSchema.Group, ScimGroups.All(scim.Now, scim._url)));
        root.MapPost("/Groups", (Delegate)scim.CreateGroupAsync);
        root.MapGet("/Groups/{id}", (string id, HttpContext http) => Show(http, ScimSchema.Group, scim.GroupResource(scim.Now, id)));
        root.MapPut("/Groups/{id}", scim.ReplaceGroupAsync);
        root.MapPatch("/Groups/{id}", scim.PatchGroupAsync);
        root.MapDelete("/Groups/{id}", scim.DeleteGroupAsync);
        root.Map("/Me/{**rest}", () => ScimAnswer.Error(501, null, "A SCIM token is nobody; ask for /Users."));
        root.MapPost("/Bulk", () => ScimAnswer.Error(501, null, "Bulk operations are not supported; ServiceProviderConfig says so."));
        root.Map("/{**rest}", () => ScimAnswer.Error(404, null, "There is no such path."));
    }

    private Configuration Now => store.Current;

    private static ScimSchema[] Schemas() => [ScimSchema.User, ScimSchema.Group, ScimSchema.Enterprise];

    private static IResult Show(HttpContext http, ScimSchema schema, JsonObject resource)
    {
        if (http.Request.Headers.IfNoneMatch.ToString() is { Length: > 0 } known && ScimResource.Names(known, ScimResource.VersionOf(resource)))
        {
            return Results.StatusCode(StatusCodes.Status304NotModified);
        }

        var query = http.Request.Query;
        return new ScimAnswer(ScimResource.Project(resource, schema, query["attributes"], query["excludedAttributes"]));
    }

    private static ScimAnswer Search(HttpContext http, ScimSchema schema, IEnumerable<JsonObject> resources)
    {
        var query = http.Request.Query;
        if (query["filter"].ToString() is { Length: > 0 } text)
        {
            resources = resources.Where(ScimFilterParser.Parse(text, schema).Matches);
        }

        if (query["sortBy"].ToString() is { Length: > 0 } by)
        {
            var path = ScimPath.Parse(schema, by);
            string Key(JsonObject resource) => KeyOf(resource, path);
            resources = string.Equals(query["sortOrder"], "descending", StringComparison.OrdinalIgnoreCase)
                ? resources.OrderByDescending(Key, StringComparer.OrdinalIgnoreCase)
                : resources.OrderBy(Key, StringComparer.OrdinalIgnoreCase);
        }

        // Section 3.4.2.4: less than 1 is 1, and a negative count is 0.
        var start = Math.Max(1, Whole(query["startIndex"], 1));
        var count = Math.Clamp(Whole(query["count"], UsualResults), 0, MostResults);
        var all = resources.ToList();
        var page = all.Skip(start - 1).Take(count).Select(resource => ScimResource.Project(resource, schema, query["attributes"], query["excludedAttributes"])).ToList();
        return List(page, start, all.Count);
    }

    private static string KeyOf(JsonObject resource, ScimPath path)
    {
        var holder = path.Extension is { } extension ? resource[extension.Id] : resource;
        var node = holder?[path.Attribute?.Name ?? ""];
        node = node is JsonArray list ? list.OfType<JsonObject>().FirstOrDefault(item => (bool?)item["primary"] == true) ?? list.FirstOrDefault() : node;
        return (node is JsonObject fields ? fields[path.Part?.Name ?? "value"] : node)?.ToString() ?? "";
    }

    private static int Whole(string? text, int absent) => text is null ? absent
        : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
        : throw ScimException.InvalidValue("startIndex and count are whole numbers.");

    private static ScimAnswer List(List<JsonObject> page, int start, int? total = null) => new(new()
    {
        ["schemas"] = new JsonArray(ScimSchema.ListId),
        ["totalResults"] = total ?? page.Count,
        ["startIndex"] = start,
        ["itemsPerPage"] = page.Count,
        ["Resources"] = new JsonArray([.. page]),
    });

    private static void Check(HttpContext http, JsonObject current)
    {
        if (http.Request.Headers.IfMatch.ToString() is { Length: > 0 } wanted && !ScimResource.Names(wanted, ScimResource.VersionOf(current)))
        {
            throw ScimException.Changed();
        }
    }

    private JsonObject UserResource(Configuration configuration, string id)
        => UserId.TryParse(id, out var key) && configuration.Users.TryGetValue(key, out var user) && ScimUsers.IsShown(user)
            ? ScimUsers.Of(configuration, user, _url) : throw ScimException.NotFound("user");

    private JsonObject GroupResource(Configuration configuration, string id)
        => GroupId.TryParse(id, out var key) && configuration.Groups.TryGetValue(key, out var group) && ScimGroups.IsShown(group)
            ? ScimGroups.Of(configuration, group, _url) : throw ScimException.NotFound("group");

    private async Task<IResult> CreateUserAsync(HttpContext http)
    {
        var sent = ScimSchema.User.Accept(await ScimGate.ReadAsync(http));
        var now = time.GetUtcNow();
        var id = UserId.New();
        return await CommitAsync(http, StatusCodes.Status201Created, draft =>
        {
            ScimUsers.Write(draft, new() { Id = id, CreatedAt = now, IsScim = true }, sent, now);
            return configuration => UserResource(configuration, id.Value);
        });
    }

    private async Task<IResult> ReplaceUserAsync(string id, HttpContext http)
    {
        var sent = ScimSchema.User.Accept(await ScimGate.ReadAsync(http));
        return await ChangeUserAsync(id, http, (_, _) => sent);
    }

    private async Task<IResult> PatchUserAsync(string id, HttpContext http)
    {
        var sent = await ScimGate.ReadAsync(http);
        return await ChangeUserAsync(id, http, (_, user) =>
        {
            var resource = ScimUsers.Attributes(user);
            ScimPatch.Apply(ScimSchema.User, resource, sent);
            return resource;
        });
    }

    private Task<IResult> ChangeUserAsync(string id, HttpContext http, Func<ConfigurationDraft, User, JsonObject> change)
        => CommitAsync(http, StatusCodes.Status200OK, draft =>
        {
            Check(http, UserResource(draft.Basis, id));
            var user = draft.Users[new(id)];
            ScimUsers.Write(draft, user, change(draft, user), time.GetUtcNow());
            return configuration => UserResource(configuration, id);
        });

    private Task<IResult> DeleteUserAsync(string id, HttpContext http)
        => CommitAsync(http, StatusCodes.Status204NoContent, draft =>
        {
            Check(http, UserResource(draft.Basis, id));
            ScimUsers.Remove(draft, draft.Users[new(id)], time.GetUtcNow());
            return null;
        });

    private async Task<IResult> CreateGroupAsync(HttpContext http)
    {
        var sent = ScimSchema.Group.Accept(await ScimGate.ReadAsync(http));
        var now = time.GetUtcNow();
        var fresh = new Group { Id = GroupId.New(), Name = "", CreatedAt = now };
        return await CommitAsync(http, StatusCodes.Status201Created, draft =>
        {
            var group = ScimGroups.Write(draft, fresh, sent, now);
            return configuration => GroupResource(configuration, group.Id.Value);
        });
    }

    private async Task<IResult> ReplaceGroupAsync(string id, HttpContext http)
    {
        var sent = ScimSchema.Group.Accept(await ScimGate.ReadAsync(http));
        return await ChangeGroupAsync(id, http, (_, _) => sent);
    }

    private async Task<IResult> PatchGroupAsync(string id, HttpContext http)
    {
        var sent = await ScimGate.ReadAsync(http);
        return await ChangeGroupAsync(id, http, (draft, group) =>
        {
            var resource = ScimGroups.Attributes(draft, group);
            ScimPatch.Apply(ScimSchema.Group, resource, sent);
            return resource;
        });
    }

    private Task<IResult> ChangeGroupAsync(string id, HttpContext http, Func<ConfigurationDraft, Group, JsonObject> change)
        => CommitAsync(http, StatusCodes.Status200OK, draft =>
        {
            Check(http, GroupResource(draft.Basis, id));
            var group = draft.Groups[new(id)];
            ScimGroups.Write(draft, group, change(draft, group), time.GetUtcNow());
            return configuration => GroupResource(configuration, id);
        });

    private Task<IResult> DeleteGroupAsync(string id, HttpContext http)
        => CommitAsync(http, StatusCodes.Status204NoContent, draft =>
        {
            Check(http, GroupResource(draft.Basis, id));
            ScimGroups.Remove(draft, draft.Groups[new(id)]);
            return null;
        });

    /// <summary>One change; what it refuses is thrown out of it, and nothing is written.</summary>
    private async Task<IResult> CommitAsync(
        HttpContext http, int status, Func<ConfigurationDraft, Func<Configuration, JsonObject>?> change)
    {
        var answer = await store.CommitAsync(
            http.Caller().Actor with { Via = "SCIM" },
            draft =>
            {
                var show = change(draft);
                draft.KeepUnchanged();
                if (http.Caller().Role != Role.Owner && OwnerGuard.MakesOwner(draft))
                {
                    throw new ScimException(403, null, "This would make somebody an owner, by a group that grants the role: the token has to be an owner's.");
                }

                return show?.Invoke(draft.ToConfiguration(0));
            },
            http.RequestAborted);
        return new ScimAnswer(answer, status);
    }

    private ScimAnswer Describe() => new(new()
    {
        ["schemas"] = new JsonArray("urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"),
        ["documentationUri"] = "https://www.rfc-editor.org/rfc/rfc7644",
        ["patch"] = new JsonObject { ["supported"] = true },
        ["bulk"] = new JsonObject { ["supported"] = false, ["maxOperations"] = 0, ["maxPayloadSize"] = 0 },
        ["filter"] = new JsonObject { ["supported"] = true, ["maxResults"] = MostResults },
        ["changePassword"] = new JsonObject { ["supported"] = false },
        ["sort"] = new JsonObject { ["supported"] = true },
        ["etag"] = new JsonObject { ["supported"] = true },
        ["authenticationSchemes"] = new JsonArray(new JsonObject
        {
            ["type"] = "oauthbearertoken",
            ["name"] = "Bearer token",
            ["description"] = "A personal access token made with scim_only",
            ["primary"] = true,
        }),
        ["meta"] = new JsonObject { ["resourceType"] = "ServiceProviderConfig", ["location"] = $"{_url}/ServiceProviderConfig" },
    });

    private JsonObject ResourceType(ScimSchema schema)
    {
        var described = new JsonObject
        {
            ["schemas"] = new JsonArray("urn:ietf:params:scim:schemas:core:2.0:ResourceType"),
            ["id"] = schema.Name,
            ["name"] = schema.Name,
            ["endpoint"] = $"/{schema.Name}s",
            ["schema"] = schema.Id,
            ["meta"] = new JsonObject { ["resourceType"] = "ResourceType", ["location"] = $"{_url}/ResourceTypes/{schema.Name}" },
        };
        if (schema.Extension is { } extension)
        {
            described["schemaExtensions"] = new JsonArray(new JsonObject { ["schema"] = extension.Id, ["required"] = false });
        }

        return described;
    }
}
