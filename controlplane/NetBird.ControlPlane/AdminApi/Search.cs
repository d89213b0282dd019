namespace NetBird.ControlPlane.AdminApi;

/// <summary>The filters every list has: <c>name</c> is the whole name, <c>search</c> a part of any shown text; case never counts.</summary>
internal static class Search
{
    public static bool Matches(HttpContext http, string name, params ReadOnlySpan<string> others)
    {
        var query = http.Request.Query;
        if (query.TryGetValue("name", out var wanted) && !string.Equals(wanted, name, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        if (!query.TryGetValue("search", out var part) || name.Contains(part.ToString(), StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        foreach (var other in others)
        {
            if (other.Contains(part.ToString(), StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>The answer to a deletion: an empty object, as NetBird gives it.</summary>
internal static class Deleted
{
    public static readonly IResult Answer = Results.Json(new Dictionary<string, string>(), AdminJson.Options);
}
