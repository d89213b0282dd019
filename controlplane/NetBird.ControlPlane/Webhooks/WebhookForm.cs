using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Webhooks;

/// <summary>Reads a webhook.</summary>
internal static class WebhookForm
{
    private const int MinSecret = 24;

    /// <summary>Reads it; a <c>secret</c> that is given goes in sealed and never comes out.</summary>
    public static Webhook Read(Form form, ConfigurationDraft draft, Webhook basis, SecretSeal seal)
    {
        form.Ignore("id", "created_at", "updated_at", "has_secret");
        if (basis.Url.Length == 0)
        {
            form.Require("url");
        }

        var url = form.Text("url", basis.Url, maxLength: 2048);
        if (url.Length > 0 && !WebhookUrl.TryParse(url, out var objection))
        {
            form.Fail("url", objection);
        }

        var secret = form.Text("secret", "", maxLength: 256);
        if (secret.Length > 0 && !WebhookSignature.TryKey(secret, out _))
        {
            form.Fail("secret", $"This is whsec_ and {MinSecret} to 64 bytes in base64; leave it out and one is made.");
        }

        var hook = basis with
        {
            Name = form.Name("name", basis.Name.Length == 0 ? null : basis.Name),
            Url = url,
            Enabled = form.Flag("enabled", basis.Enabled),
            Audit = form.Flag("audit", basis.Audit),
            Sealed = secret.Length > 0 ? seal.SealWebhookSecret(secret) : basis.Sealed,
        };
        form.RefuseUnknown();
        if (draft.Webhooks.All.Any(other => other.Id != hook.Id && Names.Same(other.Name, hook.Name)))
        {
            form.Fail("name", "Another webhook has this name.");
        }

        return hook;
    }
}
