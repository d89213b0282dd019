using System.Runtime.InteropServices;

namespace NetBird.WireGuard.Userspace.Noise;

/// <summary>
/// The calls we make into libsodium: a library that wraps it costs a guarded allocation for each key,
/// and these take the key where it lies, keep no state and so serve every thread at once.
/// </summary>
internal static unsafe partial class Sodium
{
    private const string Library = "libsodium";
    private const DllImportSearchPath Trusted = DllImportSearchPath.AssemblyDirectory;

    public const int TagSize = 16;

    /// <summary>Bytes of an XChaCha20 nonce.</summary>
    public const int ExtendedNonceSize = 24;

    static Sodium()
    {
        // Chooses the fastest implementation for this processor; -1 is a failure, 1 says it was done before.
        if (Initialize() < 0)
        {
            throw new InvalidOperationException("libsodium could not be initialised.");
        }
    }

    /// <summary>X25519 (RFC 7748 section 5). False when the shared secret is all zero: a low-order point.</summary>
    public static bool TryScalarMultiply(ReadOnlySpan<byte> scalar, ReadOnlySpan<byte> point, Span<byte> result)
    {
        RequireLength(scalar, 32);
        RequireLength(point, 32);
        RequireLength(result, 32);
        fixed (byte* n = scalar, p = point, q = result)
        {
            return ScalarMult(q, n, p) == 0;
        }
    }

    /// <summary>X25519 with the base point: the public half of <paramref name="scalar"/>.</summary>
    public static void ScalarMultiplyBase(ReadOnlySpan<byte> scalar, Span<byte> result)
    {
        RequireLength(scalar, 32);
        RequireLength(result, 32);
        fixed (byte* n = scalar, q = result)
        {
            _ = ScalarMultBase(q, n);
        }
    }

    /// <summary>
    /// ChaCha20-Poly1305 (RFC 8439 section 2.8) with WireGuard's nonce: 4 zero bytes, then the counter. <paramref name="sealedText"/>
    /// takes the ciphertext and then the tag, and may be where <paramref name="plaintext"/> is.
    /// </summary>
    public static void Seal(
        ReadOnlySpan<byte> key, ulong counter, ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> associated, Span<byte> sealedText)
    {
        RequireLength(key, 32);
        RequireLength(sealedText, plaintext.Length + TagSize);
        var nonce = stackalloc byte[12];
        WriteNonce(nonce, counter);
        ulong written;
        fixed (byte* k = key, m = plaintext, ad = associated, c = sealedText)
        {
            _ = AeadEncrypt(c, &written, m, (ulong)plaintext.Length, ad, (ulong)associated.Length, null, nonce, k);
        }
    }

    /// <summary>Opens what <see cref="Seal"/> made; false when it was not made under this key, counter and data.</summary>
    public static bool TryOpen(
        ReadOnlySpan<byte> key, ulong counter, ReadOnlySpan<byte> sealedText, ReadOnlySpan<byte> associated, Span<byte> plaintext)
    {
        RequireLength(key, 32);
        if (sealedText.Length < TagSize)
        {
            return false;
        }

        RequireLength(plaintext, sealedText.Length - TagSize);
        var nonce = stackalloc byte[12];
        WriteNonce(nonce, counter);
        ulong written;
        byte nothing;
        fixed (byte* k = key, c = sealedText, ad = associated, m = plaintext)
        {
            // A null output means "verify only" to libsodium; an empty text still has to be a text.
            var output = m == null ? &nothing : m;
            return AeadDecrypt(output, &written, null, c, (ulong)sealedText.Length, ad, (ulong)associated.Length, nonce, k) == 0;
        }
    }

    /// <summary>XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha section 2), for cookie replies.</summary>
    public static void SealExtended(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> associated, Span<byte> sealedText)
    {
        RequireLength(key, 32);
        RequireLength(nonce, ExtendedNonceSize);
        RequireLength(sealedText, plaintext.Length + TagSize);
        ulong written;
        fixed (byte* k = key, n = nonce, m = plaintext, ad = associated, c = sealedText)
        {
            _ = ExtendedEncrypt(c, &written, m, (ulong)plaintext.Length, ad, (ulong)associated.Length, null, n, k);
        }
    }

    /// <summary>Opens what <see cref="SealExtended"/> made.</summary>
    public static bool TryOpenExtended(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> sealedText, ReadOnlySpan<byte> associated, Span<byte> plaintext)
    {
        RequireLength(key, 32);
        RequireLength(nonce, ExtendedNonceSize);
        RequireLength(plaintext, sealedText.Length - TagSize);
        ulong written;
        fixed (byte* k = key, n = nonce, c = sealedText, ad = associated, m = plaintext)
        {
            return ExtendedDecrypt(m, &written, null, c, (ulong)sealedText.Length, ad, (ulong)associated.Length, n, k) == 0;
        }
    }

    private static void WriteNonce(byte* nonce, ulong counter)
    {
        *(uint*)nonce = 0;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(new Span<byte>(nonce + 4, 8), counter);
    }

    private static void RequireLength(ReadOnlySpan<byte> span, int length)
    {
        if (span.Length != length)
        {
            throw new ArgumentException($"Expected {length} bytes, not {span.Length}.");
        }
    }

    [LibraryImport(Library, EntryPoint = "sodium_init")]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int Initialize();

    [LibraryImport(Library, EntryPoint = "crypto_scalarmult")]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int ScalarMult(byte* q, byte* n, byte* p);

    [LibraryImport(Library, EntryPoint = "crypto_scalarmult_base")]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int ScalarMultBase(byte* q, byte* n);

    [LibraryImport(Library, EntryPoint = "crypto_aead_chacha20poly1305_ietf_encrypt")]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int AeadEncrypt(
        byte* c, ulong* written, byte* m, ulong length, byte* ad, ulong adLength, byte* secretNonce, byte* nonce, byte* key);

    [LibraryImport(Library, EntryPoint = "crypto_aead_chacha20poly1305_ietf_decrypt")]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int AeadDecrypt(
        byte* m, ulong* written, byte* secretNonce, byte* c, ulong length, byte* ad, ulong adLength, byte* nonce, byte* key);

    [LibraryImport(Library, EntryPoint = "crypto_aead_xchacha20poly1305_ietf_encrypt")]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int ExtendedEncrypt(
        byte* c, ulong* written, byte* m, ulong length, byte* ad, ulong adLength, byte* secretNonce, byte* nonce, byte* key);

    [LibraryImport(Library, EntryPoint = "crypto_aead_xchacha20poly1305_ietf_decrypt")]
    [DefaultDllImportSearchPaths(Trusted)]
    private static partial int ExtendedDecrypt(
        byte* m, ulong* written, byte* secretNonce, byte* c, ulong length, byte* ad, ulong adLength, byte* nonce, byte* key);
}
