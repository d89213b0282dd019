using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;

namespace NetBird.ControlPlane.Providers;

/// <summary>Seals secrets for the store with the key ring in <c>STATE/keys</c> (ASP.NET Data Protection: AES-256, HMAC).</summary>
internal sealed class SecretSeal(IDataProtectionProvider protection)
{
    private readonly IDataProtector _providerKeys = protection.CreateProtector("NetBird.ControlPlane.ProviderKey.v1");
    private readonly IDataProtector _totp = protection.CreateProtector("NetBird.ControlPlane.TotpSecret.v1");

    private readonly IDataProtector _webhooks = protection.CreateProtector("NetBird.ControlPlane.WebhookSecret.v1");

    public string SealProviderKey(string secret) => _providerKeys.Protect(secret);

    /// <summary>The secret, or null when the key ring does not open it (another state directory's, or damaged).</summary>
    public string? UnsealProviderKey(string sealedKey) => Unseal(_providerKeys, sealedKey);

    public string SealTotpSecret(string secret) => _totp.Protect(secret);

    /// <inheritdoc cref="UnsealProviderKey"/>
    public string? UnsealTotpSecret(string sealedSecret) => Unseal(_totp, sealedSecret);

    public string SealWebhookSecret(string secret) => _webhooks.Protect(secret);

    /// <inheritdoc cref="UnsealProviderKey"/>
    public string? UnsealWebhookSecret(string sealedSecret) => Unseal(_webhooks, sealedSecret);

    private static string? Unseal(IDataProtector protector, string text)
    {
        try
        {
            return protector.Unprotect(text);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
