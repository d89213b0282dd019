using System.Text.Json;

namespace NetBird.ControlPlane.Identity.Embedded.Issued;

/// <summary>
/// What the embedded IdP remembers of something it issued. Secrets are not in it: reference ids are hashes, payloads
/// are encrypted under the IdP's key.
/// </summary>
internal abstract class IssuedRecord
{
    public string Id { get; set; } = Guid.NewGuid().ToString("N");

    public string? Client { get; set; }

    public string? Subject { get; set; }

    public string? Status { get; set; }

    public string? Type { get; set; }

    public DateTimeOffset? CreatedAt { get; set; }

    public Dictionary<string, JsonElement> Properties { get; set; } = [];

    /// <summary>Changes at every write; a write names the one it read, so that a code is redeemed once.</summary>
    public string Version { get; set; } = "";
}

/// <summary>An authorization code, device code, user code or refresh token.</summary>
internal sealed class IssuedToken : IssuedRecord
{
    public string? Authorization { get; set; }

    /// <summary>Hash of the value that the client holds; null where the token carries everything itself.</summary>
    public string? Reference { get; set; }

    public string? Payload { get; set; }

    public DateTimeOffset? ExpiresAt { get; set; }

    public DateTimeOffset? RedeemedAt { get; set; }
}

/// <summary>The chain of tokens that one login began; revoking it revokes them all.</summary>
internal sealed class IssuedAuthorization : IssuedRecord
{
    public List<string> Scopes { get; set; } = [];
}
