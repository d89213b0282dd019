using System.Net;
using System.Text.Json.Nodes;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Identity.Scim;

/// <summary>What Okta and Microsoft Entra ID do over SCIM, against the running control plane.</summary>
public sealed class ScimTests(ScimWorld world) : IClassFixture<ScimWorld>
{
    [Fact]
    public async Task Person_MadeReadChangedAndRemoved_FollowsInTheAccount()
    {
        var made = await world.AddAsync("ana@example.com", "ext-ana");
        var id = (string)made["id"]!;

        Assert.Equal("User", (string?)made["meta"]?["resourceType"]);
        Assert.Equal("Given Family", User(id).Name);
        Assert.Equal(("ana@example.com", "ext-ana", true), (User(id).Email, User(id).ExternalId, User(id).IsScim));

        await world.PatchAsync($"/Users/{id}", new { op = "Replace", path = "active", value = "False" });
        Assert.Equal(UserStatus.Disabled, User(id).Status);

        await world.PatchAsync($"/Users/{id}", new { op = "replace", value = new { active = true, displayName = "Ana B." } });
        Assert.Equal((UserStatus.Active, "Ana B."), (User(id).Status, User(id).Name));

        await world.OkAsync("DELETE", $"/Users/{id}");
        Assert.False(world.Server.Store.Current.Users.ContainsKey(new(id)));
        Assert.Equal(HttpStatusCode.NotFound, (await world.SendAsync("GET", $"/Users/{id}")).Status);
    }

    [Fact]
    public async Task Group_WithMembers_IsOwnedByScimAndCounts()
    {
        var ana = (string)(await world.AddAsync("group-ana@example.com"))["id"]!;
        var bob = (string)(await world.AddAsync("group-bob@example.com"))["id"]!;
        var group = await world.OkAsync("POST", "/Groups", new { displayName = "Platform", members = new[] { new { value = ana } } });
        var id = (string)group["id"]!;

        await world.PatchAsync($"/Groups/{id}", new { op = "Add", path = "members", value = new[] { new { value = bob } } });
        Assert.Equal(new[] { ana, bob }.Order(), Members(id).Order());

        await world.PatchAsync($"/Groups/{id}", new { op = "remove", path = $"members[value eq \"{ana}\"]" });
        Assert.Equal([bob], Members(id));

        // Entra ID's form: no filter, the members in the value.
        await world.PatchAsync($"/Groups/{id}", new { op = "Remove", path = "members", value = new[] { new { value = bob } } });
        Assert.Empty(Members(id));
        Assert.Equal(GroupSource.Scim, world.Server.Store.Current.Groups[new(id)].Source);

        await world.OkAsync("PUT", $"/Groups/{id}", new { displayName = "Platform 2", members = new[] { new { value = ana }, new { value = bob } } });
        var read = await world.OkAsync("GET", $"/Users/{ana}");
        Assert.Equal("Platform 2", (string?)read["groups"]?[0]?["display"]);

        await world.OkAsync("DELETE", $"/Groups/{id}");
        Assert.Null((await world.OkAsync("GET", $"/Users/{ana}"))["groups"]);
    }

    [Theory]
    [InlineData("userName eq \"FILTER-0@example.com\"", 1)]
    [InlineData("userName sw \"filter-\"", 5)]
    [InlineData("userName sw \"filter-\" and not (externalId eq \"e1\")", 4)]
    [InlineData("externalId eq \"E1\"", 0)]
    [InlineData("userName sw \"filter-\" and (externalId eq \"e1\" or externalId eq \"e2\")", 2)]
    [InlineData("emails[type eq \"work\" and value ew \"3@example.com\"]", 1)]
    [InlineData("emails.value co \"filter-4\"", 1)]
    [InlineData("userName sw \"filter-\" and active eq true", 5)]
    [InlineData("userName sw \"filter-\" and title pr", 0)]
    [InlineData("userName sw \"filter-\" and name.familyName ne \"Family\"", 0)]
    [InlineData("userName sw \"filter-\" and meta.created gt \"2020-01-01T00:00:00Z\"", 5)]
    [InlineData("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"filter-2@example.com\"", 1)]
    public async Task Search_ByFilter_FindsWhatMatches(string filter, int expected)
    {
        for (var i = 0; i < 5; i++)
        {
            await world.SendAsync("POST", "/Users", $$"""{"userName":"filter-{{i}}@example.com","externalId":"e{{i}}","name":{"familyName":"Family"},"emails":[{"value":"filter-{{i}}@example.com","type":"work"}]}""");
        }

        var found = await world.OkAsync("GET", "/Users?filter=" + Uri.EscapeDataString(filter));

        Assert.Equal(expected, (int)found["totalResults"]!);
    }

    [Fact]
    public async Task Search_PagedAndSorted_GivesEachOnce()
    {
        for (var i = 0; i < 7; i++)
        {
            await world.SendAsync("POST", "/Users", $$"""{"userName":"page-{{i}}@example.com"}""");
        }

        var names = new List<string>();
        for (var start = 1; start <= 7; start += 3)
        {
            var page = await world.OkAsync("GET", $"/Users?filter=userName%20sw%20%22page-%22&sortBy=userName&sortOrder=descending&startIndex={start}&count=3&attributes=userName");
            Assert.Equal((7, start), ((int)page["totalResults"]!, (int)page["startIndex"]!));
            names.AddRange(page["Resources"]!.AsArray().Select(item => (string)item!["userName"]!));
            Assert.Null(page["Resources"]![0]!["meta"]);
        }

        Assert.Equal(Enumerable.Range(0, 7).Reverse().Select(i => $"page-{i}@example.com"), names);
        Assert.Empty((await world.OkAsync("GET", "/Users?count=0"))["Resources"]!.AsArray());
    }

    [Fact]
    public async Task Version_ThatIsOld_IsRefusedAndChangesNothing()
    {
        var made = await world.AddAsync("etag@example.com");
        var (path, version) = ($"/Users/{made["id"]}", (string)made["meta"]!["version"]!);

        Assert.Equal(HttpStatusCode.NotModified, (await world.SendAsync("GET", path, match: version)).Status);
        await world.OkAsync("PUT", path, new { userName = "etag@example.com", title = "One" }, version);
        var (status, body, _) = await world.SendAsync("PUT", path, """{"userName":"etag@example.com","title":"Two"}""", match: version);

        Assert.Equal(HttpStatusCode.PreconditionFailed, status);
        Assert.Equal("412", (string?)body?["status"]);
        var read = await world.SendAsync("GET", path);
        Assert.Equal(("One", (string?)read.Body?["meta"]?["version"]), ((string?)read.Body?["title"], read.Version));
    }

    [Fact]
    public async Task Put_OfTheSame_IsNoChange()
    {
        var made = await world.AddAsync("same@example.com");
        var version = world.Server.Store.Current.Version;

        await world.OkAsync("PUT", $"/Users/{made["id"]}", made.ToJsonString());

        Assert.Equal(version, world.Server.Store.Current.Version);
    }

    [Fact]
    public async Task Discovery_DescribesWhatThereIs()
    {
        var configuration = await world.OkAsync("GET", "/ServiceProviderConfig");
        var schemas = await world.OkAsync("GET", "/Schemas");
        var types = await world.OkAsync("GET", "/ResourceTypes");

        Assert.True((bool)configuration["patch"]!["supported"]! && (bool)configuration["etag"]!["supported"]! && !(bool)configuration["bulk"]!["supported"]!);
        Assert.Equal(3, schemas["Resources"]!.AsArray().Count);
        Assert.Equal(["/Users", "/Groups"], types["Resources"]!.AsArray().Select(type => (string)type!["endpoint"]!));
        Assert.Equal("User", (string?)(await world.OkAsync("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User"))["name"]);
    }

    private User User(string id) => world.Server.Store.Current.Users[new(id)];

    private IEnumerable<string> Members(string group)
        => world.Server.Store.Current.Users.Values.Where(user => user.ScimGroups.Contains(new GroupId(group))).Select(user => user.Id.Value);
}
