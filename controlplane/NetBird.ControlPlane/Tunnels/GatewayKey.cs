using System.Security.Cryptography;
using System.Text;
using NetBird.ControlPlane.Hosting;
using NetBird.Primitives;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Tunnels;

/// <summary>The tunnel key of this end, in <c>STATE/gateway.key</c>, mode 0600, made at the first start.</summary>
internal sealed class GatewayKey : IDisposable
{
    public const string FileName = "gateway.key";

    private GatewayKey(PrivateKey key) => Private = key;

    public PrivateKey Private { get; }

    public PublicKey Public => Private.PublicKey;

    /// <exception cref="InvalidDataException">The file holds no key.</exception>
    public static GatewayKey Load(StateDirectory state)
    {
        var path = state.PathOf(FileName);
        if (!File.Exists(path))
        {
            Write(state);
        }

        var bytes = File.ReadAllBytes(path);
        var text = Encoding.ASCII.GetChars(bytes);
        try
        {
            return new(PrivateKey.TryParse(text)
                ?? throw new InvalidDataException($"{path} holds no tunnel key: restore it from a backup. With a new one every machine enrols again."));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
            Array.Clear(text);
        }
    }

    public void Dispose() => Private.Dispose();

    private static void Write(StateDirectory state)
    {
        Span<byte> raw = stackalloc byte[PrivateKey.Size];
        Span<byte> text = stackalloc byte[44];
        try
        {
            using var key = PrivateKey.Generate();
            key.Export(raw);
            System.Buffers.Text.Base64.EncodeToUtf8(raw, text, out _, out _);
            state.WriteSecret(FileName, text);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(raw);
            CryptographicOperations.ZeroMemory(text);
        }
    }
}
