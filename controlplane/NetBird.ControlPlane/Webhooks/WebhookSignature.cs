using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace NetBird.ControlPlane.Webhooks;

/// <summary>
/// Signs as the Standard Webhooks specification (1.0) says, so that receivers have libraries for it: headers <c>webhook-id</c>,
/// <c>webhook-timestamp</c> (Unix seconds), <c>webhook-signature</c> = "v1," and base64 of HMAC-SHA256 over "id.timestamp.body". The secret
/// is written "whsec_" and base64.
/// </summary>
internal static class WebhookSignature
{
    private const string Prefix = "whsec_";
    private const int NewSecretBytes = 32;

    /// <summary>A fresh secret of 256 random bits.</summary>
    public static string NewSecret() => Prefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(NewSecretBytes));

    /// <summary>The key in a secret; false when it is none, or has fewer than 24 or more than 64 bytes (section "Signature scheme").</summary>
    public static bool TryKey(string secret, out byte[] key)
    {
        key = new byte[64];
        if (!secret.StartsWith(Prefix, StringComparison.Ordinal)
            || !Convert.TryFromBase64String(secret[Prefix.Length..], key, out var length) || length < 24)
        {
            return false;
        }

        Array.Resize(ref key, length);
        return true;
    }

    /// <summary>The value of <c>webhook-signature</c>.</summary>
    public static string Of(byte[] key, string id, long unixSeconds, string body)
    {
        var content = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{unixSeconds}.{body}"));
        return "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, content));
    }
}
