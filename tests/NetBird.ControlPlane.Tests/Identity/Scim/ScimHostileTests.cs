using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Tests.Identity.Scim;

/// <summary>Hostile and malformed SCIM calls: each is refused in SCIM's form with the right status, and leaves no trace.</summary>
public sealed class ScimHostileTests(ScimWorld world) : IClassFixture<ScimWorld>
{
    private const string Ops = "{\"schemas\":[\"" + ScimWorld.Patch + "\"],\"Operations\":";

    public static TheoryData<string, string, string?, int, string?> Rows()
    {
        var rows = new TheoryData<string, string, string?, int, string?>();
        foreach (var body in (string?[])["", "[]", "\"x\"", "{", "{\"userName\":\"a\",}", "{\"userName\":\"a\",\"userName\":\"b\"}", "null", "\u0000", "{\"userName\":\"a\",\"USERNAME\":\"b\"}"])
        {
            rows.Add("POST", "/Users", body, 400, "invalidSyntax");
        }

        rows.Add("POST", "/Users", string.Concat(Enumerable.Repeat("{\"a\":", 5000)) + "1" + new string('}', 5000), 400, "invalidSyntax");
        rows.Add("POST", "/Users", "{\"userName\":\"" + new string('x', 5_000_000) + "\"}", 413, null);
        foreach (var body in (string[])["{}", "{\"userName\":\"\"}", "{\"userName\":null}", "{\"userName\":5}", "{\"userName\":[\"a\"]}", "{\"userName\":{}}",
            "{\"userName\":\"a\\u0000b\"}", "{\"userName\":\"a\",\"active\":\"maybe\"}", "{\"userName\":\"a\",\"active\":3}", "{\"userName\":\"a\",\"name\":\"b\"}",
            "{\"userName\":\"a\",\"emails\":[[]]}", "{\"userName\":\"" + new string('u', 300) + "\"}"])
        {
            rows.Add("POST", "/Users", body, 400, "invalidValue");
        }

        rows.Add("POST", "/Users", "{\"userName\":\"TARGET@example.com\"}", 409, "uniqueness");
        rows.Add("POST", "/Groups", "{\"displayName\":\"target group\"}", 409, "uniqueness");
        rows.Add("POST", "/Groups", "{\"displayName\":\"all\"}", 409, "uniqueness");
        foreach (var body in (string[])["{}", "{\"displayName\":\"   \"}", "{\"displayName\":\"x\",\"members\":[{\"value\":\"nobody\"}]}", "{\"displayName\":\"x\",\"members\":[{\"value\":\"administrator\"}]}", "{\"displayName\":\"x\",\"members\":[{\"value\":\"../users\"}]}", "{\"displayName\":\"x\",\"members\":[{\"value\":\"{group}\"}]}"])
        {
            rows.Add("POST", "/Groups", body, 400, "invalidValue");
        }

        foreach (var id in (string[])["nobody", "administrator", "scim-admin-true", "%01", "..%2f..%2fapi", "'%20or%201=1", new string('a', 300)])
        {
            foreach (var method in (string[])["GET", "PUT", "PATCH", "DELETE"])
            {
                rows.Add(method, $"/Users/{id}", method == "PUT" ? "{\"userName\":\"a\"}" : method == "PATCH" ? Ops + "[{\"op\":\"add\",\"value\":{\"title\":\"x\"}}]}" : null, 404, null);
            }
        }

        foreach (var method in (string[])["GET", "PUT", "DELETE"])
        {
            rows.Add(method, "/Groups/all", method == "PUT" ? "{\"displayName\":\"a\"}" : null, 404, null);
            rows.Add(method, "/Groups/hand-made", method == "PUT" ? "{\"displayName\":\"a\"}" : null, 404, null);
        }

        foreach (var filter in (string[])["userName", "userName eq", "userName eq x", "eq \"a\"", "userName foo \"a\"", "userName eq \"a", "(userName eq \"a\"", "userName eq \"a\")",
            "not userName eq \"a\"", "nosuch eq \"a\"", "emails[type eq \"work\"", "emails[nosuch eq \"a\"]", "userName eq \"a\" and", "userName eq \"a\" or or", "userName[type eq \"a\"]",
            "userName eq \"a\" xor title pr", "active gt true", "userName eq \"\\x\"", new string('(', 1000) + "title pr", new string('a', 5000), "; drop table users", "$where eq \"1\""])
        {
            rows.Add("GET", "/Users?filter=" + Uri.EscapeDataString(filter), null, 400, "invalidFilter");
        }

        rows.Add("GET", "/Users?startIndex=x", null, 400, "invalidValue");
        rows.Add("GET", "/Users?count=1e9", null, 400, "invalidValue");
        rows.Add("GET", "/Users?count=99999999999", null, 400, "invalidValue");
        rows.Add("GET", "/Users?sortBy=nosuch", null, 400, "invalidPath");
        foreach (var (operations, type) in ((string, string)[])[
            ("[]", "invalidSyntax"), ("{}", "invalidSyntax"), ("[1]", "invalidSyntax"), ("[{}]", "invalidSyntax"), ("[{\"op\":\"destroy\"}]", "invalidSyntax"), ("[{\"op\":5}]", "invalidSyntax"),
            ("[{\"op\":\"remove\"}]", "noTarget"), ("[{\"op\":\"add\",\"value\":\"x\"}]", "invalidValue"), ("[{\"op\":\"replace\",\"path\":\"nosuch\",\"value\":1}]", "invalidPath"),
            ("[{\"op\":\"replace\",\"path\":\"id\",\"value\":\"x\"}]", "mutability"), ("[{\"op\":\"replace\",\"path\":\"groups\",\"value\":[]}]", "mutability"), ("[{\"op\":\"replace\",\"path\":\"meta.created\",\"value\":\"x\"}]", "mutability"),
            ("[{\"op\":\"replace\",\"path\":\"emails[type eq \\\"none\\\"]\",\"value\":{\"value\":\"x\"}}]", "noTarget"), ("[{\"op\":\"add\",\"path\":\"emails[\",\"value\":1}]", "invalidPath"),
            ("[{\"op\":\"add\",\"path\":\"emails[type eq 1 2].value\",\"value\":\"x\"}]", "invalidFilter"), ("[{\"op\":\"add\",\"path\":\"userName[value eq \\\"a\\\"]\",\"value\":1}]", "invalidPath"),
            ("[{\"op\":\"remove\",\"path\":\"userName\"}]", "invalidValue"), ("[{\"op\":\"replace\",\"path\":\"active\",\"value\":[]}]", "invalidValue"),
            ("[{\"op\":\"add\",\"path\":\"title\",\"value\":\"ok\"},{\"op\":\"add\",\"path\":\"nosuch\",\"value\":1}]", "invalidPath"), ("[{\"op\":\"replace\",\"path\":\"" + new string('p', 2000) + "\"}]", "invalidPath")])
        {
            rows.Add("PATCH", "/Users/{user}", Ops + operations + "}", 400, type);
        }

        rows.Add("PATCH", "/Users/{user}", "{\"Operations\":[{\"op\":\"add\",\"value\":{}}]}", 400, "invalidSyntax");
        rows.Add("PATCH", "/Groups/{group}", Ops + "[{\"op\":\"add\",\"path\":\"members\",\"value\":[{\"value\":\"nobody\"}]}]}", 400, "invalidValue");
        rows.Add("PATCH", "/Groups/{group}", Ops + "[{\"op\":\"replace\",\"path\":\"displayName\",\"value\":\"Hand made\"}]}", 409, "uniqueness");
        rows.Add("PUT", "/Groups/{group}", "{\"displayName\":\"\"}", 400, "invalidValue");
        rows.Add("POST", "/Bulk", "{}", 501, null);
        rows.Add("GET", "/Me", null, 501, null);
        rows.Add("GET", "/nosuch", null, 404, null);
        rows.Add("GET", "/Schemas/nosuch", null, 404, null);
        return rows;
    }

    [Fact]
    public void Table_Counted_HasAHundredRowsOrMore() => Assert.InRange(Rows().Count, 100, 1000);

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Call_Hostile_IsRefusedAndLeavesNoTrace(string method, string path, string? body, int status, string? type)
    {
        var (user, group) = await PlacesAsync();
        var before = world.Server.Store.Current.Version;

        var (found, answer, _) = await world.SendAsync(
            method, path.Replace("{user}", user, StringComparison.Ordinal).Replace("{group}", group, StringComparison.Ordinal), body?.Replace("{group}", group, StringComparison.Ordinal));

        Assert.True((int)found == status, $"{(int)found} {answer}");
        Assert.Equal(status.ToString(System.Globalization.CultureInfo.InvariantCulture), (string?)answer?["status"]);
        Assert.Equal(type, (string?)answer?["scimType"]);
        Assert.Equal(before, world.Server.Store.Current.Version);
    }

    [Theory]
    [InlineData(null, 401)]
    [InlineData("Bearer nonsense", 401)]
    [InlineData("Bearer nbp_000000000000000000000000000000000000", 401)]
    [InlineData("Basic YTpi", 401)]
    [InlineData("{owner}", 403)]
    [InlineData("{user}", 403)]
    public async Task Call_WithoutItsOwnToken_IsRefused(string? authorization, int status)
    {
        authorization = authorization switch
        {
            "{owner}" => "Bearer " + await world.AddTokenAsync(Role.Owner, scimOnly: false),
            "{user}" => "Bearer " + await world.AddTokenAsync(Role.User, scimOnly: true),
            _ => authorization,
        };
        foreach (var (method, path) in ((string, string)[])[("GET", "/Users"), ("POST", "/Users"), ("GET", "/Groups/x"), ("DELETE", "/Users/x"), ("GET", "/Schemas"), ("GET", "/nosuch")])
        {
            Assert.Equal(status, (int)(await world.SendAsync(method, path, method == "POST" ? "{}" : null, authorization)).Status);
        }
    }

    [Fact]
    public async Task Token_OfScim_OpensNothingElse()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/users");
        request.Headers.TryAddWithoutValidation("Authorization", "Token " + world.Token);

        Assert.Equal(403, (int)(await world.Http.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task Body_OfAnotherType_IsRefused()
        => Assert.Equal(415, (int)(await world.SendAsync("POST", "/Users", "{\"userName\":\"a\"}", type: "text/plain")).Status);

    private async Task<(string User, string Group)> PlacesAsync()
    {
        var users = await world.OkAsync("GET", "/Users?filter=userName%20eq%20%22target@example.com%22");
        if ((int)users["totalResults"]! == 1)
        {
            var groups = await world.OkAsync("GET", "/Groups?filter=displayName%20eq%20%22Target%20group%22");
            return ((string)users["Resources"]![0]!["id"]!, (string)groups["Resources"]![0]!["id"]!);
        }

        await world.Server.Store.CommitAsync(
            ControlPlane.Audit.Actor.System, draft => { draft.Groups.Put(new() { Id = new("hand-made"), Name = "Hand made" }); return true; }, default);
        var user = await world.AddAsync("target@example.com");
        var group = await world.OkAsync("POST", "/Groups", new { displayName = "Target group" });
        return ((string)user["id"]!, (string)group["id"]!);
    }
}
