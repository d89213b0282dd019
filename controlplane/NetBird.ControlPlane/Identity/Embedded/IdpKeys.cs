using System.Formats.Asn1;
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

    // RFC 8017 appendix A.1: what a key says of itself that an earlier version made.
    private const string Rsa = "1.2.840.113549.1.1.1";

    // Ours: long enough that nobody notices, short enough that a copied backup ages.
    private static readonly TimeSpan SignsFor = TimeSpan.FromDays(180);

    // Past the longest lifetime of a refresh token, whose payload is signed too.
    private static readonly TimeSpan VerifiesFor = SignsFor + TimeSpan.FromDays(60);

    private IdpKeys(IReadOnlyList<AsymmetricSecurityKey> signing, SymmetricSecurityKey encryption)
        => (Signing, Encryption) = (signing, encryption);

    /// <summary>Newest first.</summary>
    public IReadOnlyList<AsymmetricSecurityKey> Signing { get; }

    public SymmetricSecurityKey Encryption { get; }

    /// <summary>Reads the keys, and makes those that are missing or due.</summary>
    public static IdpKeys Load(ISharedSecrets secrets, TimeProvider time)
    {
        var now = time.GetUtcNow();
        var signing = new List<(DateTimeOffset Made, AsymmetricSecurityKey Key)>();
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

    /// <summary>For ES256 (RFC 7518 section 3.4). An RSA key of the same strength takes half a second to make, at every first start.</summary>
    private static byte[] Make()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem());
    }

    private static AsymmetricSecurityKey Read(byte[] pem)
    {
        var text = Encoding.ASCII.GetString(pem);
        if (AlgorithmOf(text) == Rsa)
        {
            var rsa = RSA.Create();
            rsa.ImportFromPem(text);
            return Named(new RsaSecurityKey(rsa));
        }

        var ecdsa = ECDsa.Create();
        ecdsa.ImportFromPem(text);
        return Named(new ECDsaSecurityKey(ecdsa));
    }

    /// <summary>RFC 5958 section 2: the version, then the algorithm, whose first part names it.</summary>
    private static string AlgorithmOf(string pem)
    {
        var der = Convert.FromBase64String(pem[PemEncoding.Find(pem).Base64Data]);
        try
        {
            var key = new AsnReader(der, AsnEncodingRules.DER).ReadSequence();
            key.ReadInteger();
            return key.ReadSequence().ReadObjectIdentifier();
        }
        finally
        {
            CryptographicOperations.ZeroMemory(der);
        }
    }

    private static DateTimeOffset MadeAt(string name)
        => DateTimeOffset.FromUnixTimeSeconds(long.Parse(
            Path.GetFileNameWithoutExtension(name)["signing-".Length..], System.Globalization.CultureInfo.InvariantCulture));

    // RFC 7638: the thumbprint names the key, so that it has the same name after every start.
    private static AsymmetricSecurityKey Named(AsymmetricSecurityKey key)
    {
        key.KeyId = Base64UrlEncoder.Encode(key.ComputeJwkThumbprint());
        return key;
    }
}
