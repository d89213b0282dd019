using NetBird.ControlPlane.Providers;

namespace NetBird.ControlPlane.Webhooks;

/// <summary>Where a webhook may lead. As for providers, but a query is allowed: many receivers have their token in it.</summary>
internal static class WebhookUrl
{
    public static bool TryParse(string text, out string objection)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Fragment.Length > 0)
        {
            objection = "This is an https:// URL, such as https://hooks.example.com/netbird.";
            return false;
        }

        return UpstreamUrl.TryParse(url.GetLeftPart(UriPartial.Path), out _, out objection);
    }
}
