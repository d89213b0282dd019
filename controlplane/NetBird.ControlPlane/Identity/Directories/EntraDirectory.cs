using System.Text.Json;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity.Tokens;

namespace NetBird.ControlPlane.Identity.Directories;

/// <summary>
/// Microsoft Graph, for people of more than 200 groups: their token has <c>_claim_names</c> in place of the claim. The
/// address in <c>_claim_sources</c> is that of an API that is gone; Microsoft says to ask Graph. Groups are named by
/// their object id, as in the claim.
/// </summary>
internal sealed class EntraDirectory(ExternalIssuer issuer, ExternalDirectory directory, Func<CancellationToken, Task<OpenIdConnectConfiguration>> metadata, IHttpClientFactory http, TimeProvider time)
    : GroupDirectory(http, time)
{
    public override bool IsNeeded(JsonElement payload, bool groupsElsewhere) => groupsElsewhere;

    protected override Uri FirstPage(JsonElement payload)
    {
        // oid is the person in the directory; sub is made for each application (Microsoft identity platform, ID token claims).
        var person = payload.Text("oid");
        return person.Length > 0
            ? new($"{directory.Url.AbsoluteUri.TrimEnd('/')}/users/{Uri.EscapeDataString(person)}/transitiveMemberOf/microsoft.graph.group?$select=id&$top=999")
            : throw new InvalidOperationException("The token has no oid.");
    }

    // Where the next page lies is the directory's word; our token goes to no other host for it.
    protected override Uri? NextPage(Uri page, JsonElement answer)
        => answer.TryGetProperty("@odata.nextLink", out var link) && Uri.TryCreate(link.GetString(), UriKind.Absolute, out var next)
            && next.GetLeftPart(UriPartial.Authority) == page.GetLeftPart(UriPartial.Authority) ? next : null;

    protected override IEnumerable<string> NamesIn(JsonElement answer)
        => [.. answer.GetProperty("value").EnumerateArray().Select(group => group.Text("id"))];

    protected override async Task<HttpRequestMessage> TokenRequestAsync(CancellationToken cancellationToken)
        => new(HttpMethod.Post, (await metadata(cancellationToken)).TokenEndpoint)
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["grant_type"] = "client_credentials",
                ["client_id"] = issuer.ClientId,
                ["client_secret"] = issuer.ClientSecretFile is { } file ? (await File.ReadAllTextAsync(file, cancellationToken)).Trim() : "",
                ["scope"] = directory.Url.GetLeftPart(UriPartial.Authority) + "/.default",
            }),
        };
}
