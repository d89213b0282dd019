using System.Net;

namespace NetBird.Agent.Enrolment;

/// <summary>Where the control plane is. Cleartext only to this machine itself: ID tokens travel over it.</summary>
internal static class ManagementUrl
{
    /// <summary>Parses what a person typed; null with a sentence when it cannot be used.</summary>
    public static Uri? TryParse(string text, out string problem)
    {
        problem = "";
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttps && url.Scheme != Uri.UriSchemeHttp))
        {
            problem = $"'{text}' is not an http or https URL. Example: --management-url https://netbird.example.com";
            return null;
        }

        if (url.UserInfo.Length != 0 || url.Query.Length != 0 || url.Fragment.Length != 0)
        {
            problem = "The management URL carries no user, query or fragment. Example: https://netbird.example.com";
            return null;
        }

        if (url.Scheme == Uri.UriSchemeHttp && !IsLoopback(url))
        {
            problem = $"{url.Host} is not this machine, and over http anyone on the way could read the login. Use https://{url.Authority}.";
            return null;
        }

        return url;
    }

    private static bool IsLoopback(Uri url)
        => IPAddress.TryParse(url.DnsSafeHost, out var address)
            ? IPAddress.IsLoopback(address)
            : string.Equals(url.Host, "localhost", StringComparison.OrdinalIgnoreCase);
}
