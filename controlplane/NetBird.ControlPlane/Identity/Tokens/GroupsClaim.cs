using System.Collections.Immutable;
using System.Text.Json;

namespace NetBird.ControlPlane.Identity.Tokens;

/// <summary>Reads claims of a token's payload; what is not of the expected form counts as absent.</summary>
internal static class GroupsClaim
{
    // Ours: Entra stops at 200 and Okta at 100; beyond this something is wrong with the claim.
    private const int MostGroups = 1000;
    private const int LongestName = 128;
    private const int LongestText = 256;

    /// <summary>A text claim, or empty.</summary>
    public static string Text(this JsonElement payload, string claim)
        => payload.TryGetProperty(claim, out var value) && value.ValueKind == JsonValueKind.String
            && value.GetString() is { Length: <= LongestText } text && !text.Any(char.IsControl)
            ? text
            : "";

    /// <summary>
    /// Group names in a claim: a list, or one text. Dots in the claim's name lead into objects, as in Keycloak's
    /// <c>realm_access.roles</c>, unless the name stands there as it is. No such claim: no groups.
    /// </summary>
    public static ImmutableArray<string> Read(JsonElement payload, string claim)
    {
        var found = payload;
        if (!payload.TryGetProperty(claim, out found))
        {
            found = payload;
            foreach (var part in claim.Split('.'))
            {
                if (found.ValueKind != JsonValueKind.Object || !found.TryGetProperty(part, out found))
                {
                    return [];
                }
            }
        }

        var names = found.ValueKind switch
        {
            JsonValueKind.Array => found.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()),
            JsonValueKind.String => [found.GetString()],
            _ => [],
        };
        return [.. names.OfType<string>()
            .Select(name => name.Trim())
            .Where(name => name.Length is > 0 and <= LongestName && !name.Any(char.IsControl))
            .Distinct(StringComparer.OrdinalIgnoreCase)
            .Take(MostGroups)];
    }

    /// <summary>
    /// Whether the IdP left the groups out because there are too many (OpenID Connect Core section 5.6.2, as Entra ID
    /// does): then the token does not say that there are none.
    /// </summary>
    public static bool IsElsewhere(JsonElement payload, string claim)
        => payload.TryGetProperty("_claim_names", out var names)
            && names.ValueKind == JsonValueKind.Object && names.TryGetProperty(claim, out _);
}
