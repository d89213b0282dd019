using System.Net.Http.Json;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tests.Identity;
using NetBird.ControlPlane.Tests.Store;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Tests.Hostile;

/// <summary>The executable over a store that holds one of everything that a hostile call could be after.</summary>
internal sealed class HostileWorld : IAsyncDisposable
{
    private readonly TemporaryState _state = new();
    private readonly string _database;
    private readonly Dictionary<string, string> _ids = new(StringComparer.Ordinal) { ["id"] = "x" };
    private readonly Dictionary<string, string> _callers = new(StringComparer.Ordinal);
    private string _before = "";

    private HostileWorld(string database) => _database = database;

    public PlaneProcess Plane { get; private set; } = null!; // set by StartAsync

    /// <summary>Tunnel keys of machines: standing, blocked, unapproved, expired, disabled.</summary>
    public Dictionary<string, PrivateKey> Machines { get; } = new(StringComparer.Ordinal);

    private string Folder => _state.Path;

    /// <param name="database">Connection string; empty for LiteDB.</param>
    public static async Task<HostileWorld> StartAsync(string database)
    {
        var world = new HostileWorld(database);
        await using (var account = await ConfigurationWriter.OpenAsync(world.Folder, database))
        {
            await account.Configuration.CommitAsync(Actor.System, world.Seed, default);
        }

        world.Plane = await PlaneProcess.StartAsync(world.Folder, database.Length == 0 ? [] : ["--postgres", database]);
        await world.FillAsync();
        return world;
    }

    public string Fill(string text) => _ids.Aggregate(text, (filled, id) => filled.Replace("{" + id.Key + "}", id.Value, StringComparison.Ordinal));

    /// <summary>The header of a caller; null: none.</summary>
    public string? Authorization(string caller)
        => caller == "nobody" ? null : caller.StartsWith("raw:", StringComparison.Ordinal) ? caller["raw:".Length..] : _callers[caller];

    /// <summary>How long the audit log is and what it ends with; refused enrolments are in it, and are no change.</summary>
    private async Task<string> AuditedAsync()
    {
        var entries = (await Plane.GetAsync("/api/events/audit?page_size=100")).EnumerateArray()
            .First(entry => entry.GetProperty("activity_code").GetString() is not "peer.enrol_refused");
        return entries.GetProperty("id").GetString()!;
    }

    /// <summary>Ends the process and reads what is stored; the start's own changes are not in it.</summary>
    public async Task<Configuration> StoredAsync()
    {
        await Plane.StopAsync();
        await using var account = await ConfigurationWriter.OpenAsync(Folder, _database);
        Assert.Empty((await account.Configuration.VerifyAuditAsync(default)).Faults);
        return account.Configuration.Current;
    }

    /// <summary>Starts it over what is stored, and takes what the start itself changed (a gateway's port) for granted.</summary>
    public async Task StartAgainAsync()
    {
        await Plane.StartAsync();
        _before = await AuditedAsync();
    }

    /// <summary>The audit log ends as it did: nothing has been changed since the last look.</summary>
    public async Task<bool> IsUntouchedAsync()
    {
        var (before, now) = (_before, await AuditedAsync());
        _before = now;
        return now == before;
    }

    public async ValueTask DisposeAsync()
    {
        await Plane.DisposeAsync();
        foreach (var key in Machines.Values)
        {
            key.Dispose();
        }

        _state.Dispose();
    }

    private bool Seed(ConfigurationDraft draft)
    {
        var past = DateTimeOffset.UtcNow.AddDays(-1);
        foreach (var role in (Role[])[Role.User, Role.Auditor, Role.Admin])
        {
            var name = role.ToString().ToLowerInvariant();
            AddBot(draft, name, role);
            _callers[name] = "Token " + AddToken(draft, name, name);
        }

        _ids["scim"] = AddToken(draft, "scim", "admin", scimOnly: true);
        _ids["userscim"] = AddToken(draft, "userscim", "user", scimOnly: true);
        _ids["expiredscim"] = AddToken(draft, "expiredscim", "admin", scimOnly: true, expires: past);
        _callers["scim token"] = "Token " + _ids["scim"];
        _callers["expired"] = "Token " + AddToken(draft, "expired", "admin", expires: past);
        AddBot(draft, "disabled-bot", Role.Admin, UserStatus.Disabled);
        _callers["of a disabled user"] = "Token " + AddToken(draft, "of-disabled", "disabled-bot");

        var owners = new GroupId("owners");
        draft.Groups.Put(new() { Id = owners, Name = "Owners", GrantsRole = Role.Owner });
        draft.Groups.Put(new() { Id = new("hand-made"), Name = "Hand made" });
        AddBot(draft, "group-owner-bot", Role.User);
        draft.Users.Put(draft.Users[new("group-owner-bot")] with { AutoGroups = [owners] });
        AddToken(draft, "group-owner-token", "group-owner-bot");
        foreach (var (id, groups) in ((string, GroupId[])[])[("ana", []), ("group-owner", [owners])])
        {
            draft.Users.Put(new()
            {
                Id = new(id), Name = id, Email = id + "@example.com", Issuer = User.EmbeddedIssuer, Subject = id, AutoGroups = [.. groups],
                Credential = new() { PasswordHash = PasswordHashing.Hash(Browser.Password), SealedTotpSecret = groups.Length > 0 ? "sealed" : null },
            });
        }

        _ids["ownergroup"] = "owners";
        (_ids["groupowner"], _ids["groupownerbot"], _ids["groupownertoken"], _ids["user"]) = ("group-owner", "group-owner-bot", "group-owner-token", "ana");
        AddMachines(draft);
        return true;
    }

    private void AddMachines(ConfigurationDraft draft)
    {
        AddBot(draft, "machines", Role.User);
        AddBot(draft, "machines-of-the-disabled", Role.User, UserStatus.Disabled);
        var number = 10;
        foreach (var what in (string[])["standing", "blocked", "unapproved", "expired", "disabled"])
        {
            Machines[what] = PrivateKey.Generate();
            draft.Peers.Put(new()
            {
                Id = new(what), Name = what, PublicKey = Machines[what].PublicKey, OverlayAddress = new([100, 64, 0, (byte)number++]),
                User = new(what == "disabled" ? "machines-of-the-disabled" : "machines"), Blocked = what == "blocked", Approved = what != "unapproved",
                LoginExpiresAt = what == "expired" ? DateTimeOffset.UnixEpoch : null,
            });
        }

        foreach (var what in (string[])["revoked", "expired", "used up", "of a disabled user"])
        {
            var secret = SecretHash.NewSecret(SecretHash.SetupKeyPrefix);
            _callers["setup key " + what] = secret;
            draft.SetupKeys.Put(new()
            {
                Id = new(what.Replace(' ', '-')), Name = what, Hash = SecretHash.Of(secret), Prefix = secret[..8], Revoked = what == "revoked",
                ServiceUser = new(what == "of a disabled user" ? "machines-of-the-disabled" : "machines"),
                ExpiresAt = what == "expired" ? DateTimeOffset.UnixEpoch : null, UsageLimit = what == "used up" ? 1 : 0, UsedTimes = what == "used up" ? 1 : 0,
            });
        }
    }

    /// <summary>What only the executable makes whole.</summary>
    private async Task FillAsync()
    {
        var owner = Plane.Admin.DefaultRequestHeaders.Authorization!.Parameter!; // the first start made it
        _ids["owner"] = owner;
        _callers["owner"] = "Token " + owner;
        _callers["owner with a changed last letter"] = "Token " + owner[..^1] + (owner[^1] == 'a' ? 'b' : 'a');
        _callers["owner in capitals"] = "Token " + owner.ToUpperInvariant();
        _callers["owner twice"] = $"Token {owner} {owner}";
        _callers["owner without its scheme"] = owner;
        _ids["ownertoken"] = (await Plane.GetAsync("/api/users/administrator/tokens"))[0].GetProperty("id").GetString()!;
        Task<System.Text.Json.JsonElement> PostAsync(string path, object body) => Plane.SendAsync(HttpMethod.Post, path, body);
        string Id(System.Text.Json.JsonElement made) => made.GetProperty("id").GetString()!;
        _ids["group"] = Id(await PostAsync("/api/groups", new { name = "Planned group" }));
        _ids["provider"] = Id(await PostAsync("/api/agent-network/providers", new { name = "Planned provider", provider_id = "sample" }));
        _ids["guardrail"] = Id(await PostAsync("/api/agent-network/guardrails", new { name = "Planned guardrail" }));
        await PostAsync("/api/agent-network/policies", new
        {
            name = "Planned policy", source_groups = new[] { _ids["group"] }, destination_provider_ids = new[] { _ids["provider"] },
            guardrail_ids = new[] { _ids["guardrail"] },
        });
        using var scim = new HttpClient { BaseAddress = Plane.Url };
        scim.DefaultRequestHeaders.Authorization = new("Bearer", _ids["scim"]);
        _ids["scimuser"] = await PushAsync(scim, "Users", new { schemas = new[] { "urn:ietf:params:scim:schemas:core:2.0:User" }, userName = "target@example.com" });
        foreach (var (id, name) in ((string, string)[])[("scimgroup", "Target group"), ("ownersgroup", "Pushed owners")])
        {
            _ids[id] = await PushAsync(scim, "Groups", new { schemas = new[] { "urn:ietf:params:scim:schemas:core:2.0:Group" }, displayName = name });
        }

        await Plane.SendAsync(HttpMethod.Put, "/api/groups/" + _ids["ownersgroup"], new { grants_role = "owner" });
    }

    private static async Task<string> PushAsync(HttpClient scim, string kind, object resource)
    {
        using var answer = await scim.PostAsJsonAsync("/scim/v2/" + kind, resource);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return (await answer.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>()).GetProperty("id").GetString()!;
    }

    private static void AddBot(ConfigurationDraft draft, string id, Role role, UserStatus status = UserStatus.Active)
        => draft.Users.Put(new() { Id = new(id), Name = id, Role = role, IsServiceUser = true, Status = status });

    private static string AddToken(ConfigurationDraft draft, string id, string user, bool scimOnly = false, DateTimeOffset? expires = null)
    {
        var secret = SecretHash.NewSecret(SecretHash.AccessTokenPrefix);
        draft.AccessTokens.Put(new() { Id = new(id), Name = id, User = new(user), Hash = SecretHash.Of(secret), ScimOnly = scimOnly, ExpiresAt = expires });
        return secret;
    }
}
