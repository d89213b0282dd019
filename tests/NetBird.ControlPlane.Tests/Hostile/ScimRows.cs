using NetBird.ControlPlane.Tests.Identity.Scim;

namespace NetBird.ControlPlane.Tests.Hostile;

/// <summary>One call of SCIM that nobody should get through.</summary>
/// <param name="Method">HTTP's.</param>
/// <param name="Path">After /scim/v2, with the world's ids in braces.</param>
/// <param name="Body">Null: none.</param>
/// <param name="Status">What it is refused with.</param>
/// <param name="ScimType">RFC 7644 section 3.12, or null.</param>
internal sealed record ScimRow(string Method, string Path, string? Body, int Status, string? ScimType)
{
    public string Authorization { get; init; } = "Bearer {scim}";

    public string Type { get; init; } = "application/scim+json";
}

/// <summary>Malformed bodies, filters and patches, others' ids, what SCIM does not own, and tokens that are not for it.</summary>
internal static class ScimRows
{
    private const string Ops = "{\"schemas\":[\"" + ScimWorld.Patch + "\"],\"Operations\":";

    public static List<ScimRow> All()
    {
        var rows = new List<ScimRow>();
        foreach (var body in (string?[])["", "[]", "\"x\"", "{", "{\"userName\":\"a\",}", "{\"userName\":\"a\",\"userName\":\"b\"}", "null", "\u0000", "{\"userName\":\"a\",\"USERNAME\":\"b\"}"])
        {
            rows.Add(new("POST", "/Users", body, 400, "invalidSyntax"));
        }

        rows.Add(new("POST", "/Users", string.Concat(Enumerable.Repeat("{\"a\":", 5000)) + "1" + new string('}', 5000), 400, "invalidSyntax"));
        rows.Add(new("POST", "/Users", "{\"userName\":\"" + new string('x', 5_000_000) + "\"}", 413, null));
        foreach (var body in (string[])["{}", "{\"userName\":\"\"}", "{\"userName\":null}", "{\"userName\":5}", "{\"userName\":[\"a\"]}", "{\"userName\":{}}",
            "{\"userName\":\"a\\u0000b\"}", "{\"userName\":\"a\",\"active\":\"maybe\"}", "{\"userName\":\"a\",\"active\":3}", "{\"userName\":\"a\",\"name\":\"b\"}",
            "{\"userName\":\"a\",\"emails\":[[]]}", "{\"userName\":\"" + new string('u', 300) + "\"}"])
        {
            rows.Add(new("POST", "/Users", body, 400, "invalidValue"));
        }

        rows.Add(new("POST", "/Users", "{\"userName\":\"TARGET@example.com\"}", 409, "uniqueness"));
        rows.Add(new("POST", "/Groups", "{\"displayName\":\"target group\"}", 409, "uniqueness"));
        rows.Add(new("POST", "/Groups", "{\"displayName\":\"all\"}", 409, "uniqueness"));
        foreach (var body in (string[])["{}", "{\"displayName\":\"   \"}", "{\"displayName\":\"x\",\"members\":[{\"value\":\"nobody\"}]}", "{\"displayName\":\"x\",\"members\":[{\"value\":\"administrator\"}]}", "{\"displayName\":\"x\",\"members\":[{\"value\":\"../users\"}]}", "{\"displayName\":\"x\",\"members\":[{\"value\":\"{group}\"}]}"])
        {
            rows.Add(new("POST", "/Groups", body, 400, "invalidValue"));
        }

        foreach (var id in (string[])["nobody", "administrator", "scim-admin-true", "%01", "..%2f..%2fapi", "'%20or%201=1", new string('a', 300)])
        {
            foreach (var method in (string[])["GET", "PUT", "PATCH", "DELETE"])
            {
                rows.Add(new(method, $"/Users/{id}", method == "PUT" ? "{\"userName\":\"a\"}" : method == "PATCH" ? Ops + "[{\"op\":\"add\",\"value\":{\"title\":\"x\"}}]}" : null, 404, null));
            }
        }

        foreach (var method in (string[])["GET", "PUT", "DELETE"])
        {
            rows.Add(new(method, "/Groups/all", method == "PUT" ? "{\"displayName\":\"a\"}" : null, 404, null));
            rows.Add(new(method, "/Groups/hand-made", method == "PUT" ? "{\"displayName\":\"a\"}" : null, 404, null));
        }

        foreach (var filter in (string[])["userName", "userName eq", "userName eq x", "eq \"a\"", "userName foo \"a\"", "userName eq \"a", "(userName eq \"a\"", "userName eq \"a\")",
            "not userName eq \"a\"", "nosuch eq \"a\"", "emails[type eq \"work\"", "emails[nosuch eq \"a\"]", "userName eq \"a\" and", "userName eq \"a\" or or", "userName[type eq \"a\"]",
            "userName eq \"a\" xor title pr", "active gt true", "userName eq \"\\x\"", new string('(', 1000) + "title pr", new string('a', 5000), "; drop table users", "$where eq \"1\""])
        {
            rows.Add(new("GET", "/Users?filter=" + Uri.EscapeDataString(filter), null, 400, "invalidFilter"));
        }

        rows.Add(new("GET", "/Users?startIndex=x", null, 400, "invalidValue"));
        rows.Add(new("GET", "/Users?count=1e9", null, 400, "invalidValue"));
        rows.Add(new("GET", "/Users?count=99999999999", null, 400, "invalidValue"));
        rows.Add(new("GET", "/Users?sortBy=nosuch", null, 400, "invalidPath"));
        foreach (var (operations, type) in ((string, string)[])[
            ("[]", "invalidSyntax"), ("{}", "invalidSyntax"), ("[1]", "invalidSyntax"), ("[{}]", "invalidSyntax"), ("[{\"op\":\"destroy\"}]", "invalidSyntax"), ("[{\"op\":5}]", "invalidSyntax"),
            ("[{\"op\":\"remove\"}]", "noTarget"), ("[{\"op\":\"add\",\"value\":\"x\"}]", "invalidValue"), ("[{\"op\":\"replace\",\"path\":\"nosuch\",\"value\":1}]", "invalidPath"),
            ("[{\"op\":\"replace\",\"path\":\"id\",\"value\":\"x\"}]", "mutability"), ("[{\"op\":\"replace\",\"path\":\"groups\",\"value\":[]}]", "mutability"), ("[{\"op\":\"replace\",\"path\":\"meta.created\",\"value\":\"x\"}]", "mutability"),
            ("[{\"op\":\"replace\",\"path\":\"emails[type eq \\\"none\\\"]\",\"value\":{\"value\":\"x\"}}]", "noTarget"), ("[{\"op\":\"add\",\"path\":\"emails[\",\"value\":1}]", "invalidPath"),
            ("[{\"op\":\"add\",\"path\":\"emails[type eq 1 2].value\",\"value\":\"x\"}]", "invalidFilter"), ("[{\"op\":\"add\",\"path\":\"userName[value eq \\\"a\\\"]\",\"value\":1}]", "invalidPath"),
            ("[{\"op\":\"remove\",\"path\":\"userName\"}]", "invalidValue"), ("[{\"op\":\"replace\",\"path\":\"active\",\"value\":[]}]", "invalidValue"),
            ("[{\"op\":\"add\",\"path\":\"title\",\"value\":\"ok\"},{\"op\":\"add\",\"path\":\"nosuch\",\"value\":1}]", "invalidPath"), ("[{\"op\":\"replace\",\"path\":\"" + new string('p', 2000) + "\"}]", "invalidPath")])
        {
            rows.Add(new("PATCH", "/Users/{user}", Ops + operations + "}", 400, type));
        }

        rows.Add(new("PATCH", "/Users/{user}", "{\"Operations\":[{\"op\":\"add\",\"value\":{}}]}", 400, "invalidSyntax"));
        rows.Add(new("PATCH", "/Groups/{group}", Ops + "[{\"op\":\"add\",\"path\":\"members\",\"value\":[{\"value\":\"nobody\"}]}]}", 400, "invalidValue"));
        rows.Add(new("PATCH", "/Groups/{group}", Ops + "[{\"op\":\"replace\",\"path\":\"displayName\",\"value\":\"Hand made\"}]}", 409, "uniqueness"));
        rows.Add(new("PUT", "/Groups/{group}", "{\"displayName\":\"\"}", 400, "invalidValue"));
        rows.Add(new("POST", "/Bulk", "{}", 501, null));
        rows.Add(new("GET", "/Me", null, 501, null));
        rows.Add(new("GET", "/nosuch", null, 404, null));
        rows.Add(new("GET", "/Schemas/nosuch", null, 404, null));
        foreach (var (authorization, status) in ((string, int)[])
        [
            ("", 401), ("Bearer nonsense", 401), ("Bearer nbp_000000000000000000000000000000000000", 401), ("Basic YTpi", 401),
            ("Bearer {expiredscim}", 401), ("Bearer {owner}", 403), ("Bearer {userscim}", 403),
        ])
        {
            foreach (var (method, path) in ((string, string)[])[("GET", "/Users"), ("POST", "/Users"), ("GET", "/Groups/x"), ("DELETE", "/Users/{user}"), ("GET", "/Schemas"), ("GET", "/nosuch")])
            {
                rows.Add(new(method, path, method == "POST" ? "{}" : null, status, null) { Authorization = authorization });
            }
        }

        rows.Add(new("POST", "/Users", "{\"userName\":\"a\"}", 415, null) { Type = "text/plain" });

        // By a token of an administrator who is no owner: nobody becomes an owner that way.
        rows.Add(new("PATCH", "/Groups/{ownersgroup}", Ops + "[{\"op\":\"add\",\"path\":\"members\",\"value\":[{\"value\":\"{user}\"}]}]}", 403, null));
        rows.Add(new("PUT", "/Groups/{ownersgroup}", "{\"displayName\":\"Pushed owners\",\"members\":[{\"value\":\"{user}\"}]}", 403, null));
        return rows;
    }
}
