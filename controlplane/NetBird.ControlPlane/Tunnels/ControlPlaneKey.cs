using System.Security.Cryptography;
using System.Text;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Tunnels;

/// <summary>
/// The key that machines prove theirs against. With one process it is the tunnel's own; nodes that share a database share
/// it, while each gateway keeps a tunnel key of its own.
/// </summary>
internal sealed class ControlPlaneKey : IDisposable
{
    /// <summary>Among the shared secrets.</summary>
    public const string SecretName = "keys/control-plane.key";

    private ControlPlaneKey(PrivateKey key) => Private = key;

    public PrivateKey Private { get; }

    public PublicKey Public => Private.PublicKey;

    /// <param name="account">Where secrets are; this node's tunnel key becomes the account's where there is none yet.</param>
    /// <exception cref="InvalidDataException">What is stored is no key.</exception>
    public static ControlPlaneKey Load(AccountState account)
    {
        byte[] Own() => account.Own.Find(GatewayKey.SecretName) ?? throw new InvalidDataException($"{GatewayKey.SecretName} was taken away while it was read.");
        var bytes = account.Database is null ? Own() : account.Secrets.GetOrAdd(SecretName, Own);
        var text = Encoding.ASCII.GetChars(bytes);
        try
        {
            return new(PrivateKey.TryParse(text) ?? throw new InvalidDataException("The control plane's key is damaged: restore it from a backup."));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
            Array.Clear(text);
        }
    }

    public void Dispose() => Private.Dispose();
}
