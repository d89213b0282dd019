using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;
using NetBird.ControlPlane.Store.Secrets;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// The embedded IdP's keys, among the shared secrets. The newest signing key
/// signs; older ones go on verifying, and stay published, until nothing they signed can be alive.
/// </summary>
internal sealed class IdpKeys
{
    private const string Folder = "idp";
    private const string SigningPrefix = Folder + "/signing-";

    // RFC 7518 section 3.3 asks for 2048 bits or more; a signature per login, so size costs nothing.
    private const int RsaBits = 3072;

    // Ours: long enough that nobody notices, short enough that a copied backup ages.
    private static readonly TimeSpan SignsFor = TimeSpan.FromDays(180);

    // Past the longest lifetime of a refresh token, whose payload is signed too.
    private static readonly TimeSpan VerifiesFor = SignsFor + TimeSpan.FromDays(60);

    private IdpKeys(IReadOnlyList<RsaSecurityKey> signing, SymmetricSecurityKey encryption)
        => (Signing, Encryption) = (signing, encryption);

    /// <summary>Newest first.</summary>
    public IReadOnlyList<RsaSecurityKey> Signing { get; }

    public SymmetricSecurityKey Encryption { get; }

    /// <summary>Reads the keys, and makes those that are missing or due.</summary>
    public static IdpKeys Load(ISharedSecrets secrets, TimeProvider time)
    {
        var now = time.GetUtcNow();
        var signing = new List<(DateTimeOffset Made, RsaSecurityKey Key)>();
        foreach (var name in secrets.Names(Folder).Where(name => name.StartsWith(SigningPrefix, StringComparison.Ordinal)).Reverse())
        {
            var made = MadeAt(name);
            if (now - made > VerifiesFor)
            {
                secrets.Remove(name);
            }
            else if (secrets.Find(name) is { } pem)
            {
                signing.Add((made, Read(pem)));
            }
        }

        if (signing.Count == 0 || now - signing[0].Made > SignsFor)
        {
            // Named by the hour: nodes that start together name the same key, and one of them makes it.
            var hour = now.ToUnixTimeSeconds() / 3600 * 3600;
            var pem = secrets.GetOrAdd($"{SigningPrefix}{hour:D12}.pem", Make);
            signing.Insert(0, (now, Read(pem)));
        }

        var encryption = new SymmetricSecurityKey(secrets.GetOrAdd($"{Folder}/encryption.key", () => RandomNumberGenerator.GetBytes(32)));
        return new([.. signing.Select(entry => entry.Key)], encryption);
    }

    private static byte[] Make()
    {
        using var rsa = RSA.Create(RsaBits);
        return Encoding.ASCII.GetBytes(rsa.ExportPkcs8PrivateKeyPem());
    }

    private static RsaSecurityKey Read(byte[] pem)
    {
        var rsa = RSA.Create();
        rsa.ImportFromPem(Encoding.ASCII.GetString(pem));
        return Named(rsa);
    }

    private static DateTimeOffset MadeAt(string name)
        => DateTimeOffset.FromUnixTimeSeconds(long.Parse(
            Path.GetFileNameWithoutExtension(name)["signing-".Length..], System.Globalization.CultureInfo.InvariantCulture));

    // RFC 7638: the thumbprint names the key, so that it has the same name after every start.
    private static RsaSecurityKey Named(RSA rsa)
    {
        var key = new RsaSecurityKey(rsa);
        key.KeyId = Base64UrlEncoder.Encode(key.ComputeJwkThumbprint());
        return key;
    }
}
