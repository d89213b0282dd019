using System.Security.Cryptography;
using System.Text;
using NetBird.ControlPlane.Store.Secrets;
using NetBird.Primitives;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Tunnels;

/// <summary>The tunnel key of this end, among this node's sealed files, made at the first start.</summary>
internal sealed class GatewayKey : IDisposable
{
    /// <summary>Among <see cref="Store.AccountState.Own"/>; base64, as wg(8) writes keys.</summary>
    public const string SecretName = "gateway.key";

    private GatewayKey(PrivateKey key) => Private = key;

    public PrivateKey Private { get; }

    public PublicKey Public => Private.PublicKey;

    /// <exception cref="InvalidDataException">What is stored is no key.</exception>
    public static GatewayKey Load(FileSecrets secrets)
    {
        var bytes = secrets.GetOrAdd(SecretName, Make);
        var text = Encoding.ASCII.GetChars(bytes);
        try
        {
            return new(PrivateKey.TryParse(text)
                ?? throw new InvalidDataException($"{SecretName} holds no tunnel key: restore it from a backup. With a new one every machine enrols again."));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
            Array.Clear(text);
        }
    }

    public void Dispose() => Private.Dispose();

    private static byte[] Make()
    {
        Span<byte> raw = stackalloc byte[PrivateKey.Size];
        var text = new byte[44];
        try
        {
            using var key = PrivateKey.Generate();
            key.Export(raw);
            System.Buffers.Text.Base64.EncodeToUtf8(raw, text, out _, out _);
            return text;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(raw);
        }
    }
}
