using System.Security.Cryptography;
using System.Text;
using NetBird.ControlPlane.Hosting;
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

    /// <param name="account">Where shared secrets are.</param>
    /// <param name="directory">This node's state directory; its tunnel key becomes the account's where there is none yet.</param>
    /// <exception cref="InvalidDataException">What is stored is no key.</exception>
    public static ControlPlaneKey Load(AccountState account, StateDirectory directory)
    {
        var own = directory.PathOf(GatewayKey.FileName);
        var bytes = account.Database is null ? File.ReadAllBytes(own) : account.Secrets.GetOrAdd(SecretName, () => File.ReadAllBytes(own));
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
