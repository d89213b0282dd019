using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using NetBird.Gateway.Capture;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Prompts;

/// <summary>
/// Seals prompts with the account's key ring before they are written anywhere, each for its own request, so that none can be put
/// in the place of another. Opening one is the caller's to audit: see <see cref="AdminApi.PromptEndpoints"/>.
/// </summary>
internal sealed class PromptVault(IDataProtectionProvider protection, IPromptStore store) : IPromptVault
{
    private const string Purpose = "NetBird.ControlPlane.Prompt.v1";

    public async ValueTask KeepAsync(CapturedPrompt prompt, CancellationToken cancellationToken)
    {
        var content = new PromptContent(
            prompt.UserName, prompt.Model, prompt.SessionId, prompt.Redacted, prompt.Truncated, JsonSerializer.Deserialize<JsonElement>(prompt.Json.Span));
        var plain = JsonSerializer.SerializeToUtf8Bytes(content, AdminApi.AdminJson.Options);
        using var packed = new MemoryStream();
        await using (var packer = new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            await packer.WriteAsync(plain, cancellationToken);
        }

        var sealedText = For(prompt.Request).Protect(packed.ToArray());
        await store.AddAsync(new(prompt.Request, prompt.At, prompt.User, sealedText), cancellationToken);
    }

    /// <summary>What was said; null when the key ring does not open it.</summary>
    public PromptContent? Open(SealedPrompt prompt)
    {
        try
        {
            using var packed = new MemoryStream(For(prompt.Request).Unprotect(prompt.Sealed));
            using var plain = new BrotliStream(packed, CompressionMode.Decompress);
            return JsonSerializer.Deserialize<PromptContent>(plain, AdminApi.AdminJson.Options);
        }
        catch (Exception damaged) when (damaged is CryptographicException or InvalidDataException or JsonException)
        {
            return null;
        }
    }

    private IDataProtector For(RequestId request) => protection.CreateProtector(Purpose, request.Value);
}

/// <summary>What is sealed.</summary>
/// <param name="UserName">Their name at that time.</param>
/// <param name="Model">The model asked for.</param>
/// <param name="SessionId">Claude Code's session, or null.</param>
/// <param name="Redacted">Personal data was taken out.</param>
/// <param name="Truncated">Older messages were left out.</param>
/// <param name="Prompt">System prompt and messages.</param>
internal sealed record PromptContent(string UserName, string Model, string? SessionId, bool Redacted, bool Truncated, JsonElement Prompt);
