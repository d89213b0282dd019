using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;
using NetBird.ControlPlane.Hosting;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// The embedded IdP's keys, in files of the state directory that only its owner can read. The newest signing key
/// signs; older ones go on verifying, and stay published, until nothing they signed can be alive.
/// </summary>
internal sealed class IdpKeys
{
    private const string Folder = "idp";

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
    public static IdpKeys Load(StateDirectory state, TimeProvider time)
    {
        var folder = state.Folder(Folder);
        var now = time.GetUtcNow();
        var signing = new List<(DateTimeOffset Made, RsaSecurityKey Key)>();
        foreach (var file in folder.EnumerateFiles("signing-*.pem").OrderByDescending(file => file.Name, StringComparer.Ordinal))
        {
            var made = MadeAt(file.Name);
            if (now - made > VerifiesFor)
            {
                file.Delete();
                continue;
            }

            var rsa = RSA.Create();
            rsa.ImportFromPem(File.ReadAllText(file.FullName));
            signing.Add((made, Named(rsa)));
        }

        if (signing.Count == 0 || now - signing[0].Made > SignsFor)
        {
            var rsa = RSA.Create(RsaBits);
            state.WriteSecret(
                $"{Folder}/signing-{now.ToUnixTimeSeconds():D12}.pem", System.Text.Encoding.ASCII.GetBytes(rsa.ExportPkcs8PrivateKeyPem()));
            signing.Insert(0, (now, Named(rsa)));
        }

        return new([.. signing.Select(entry => entry.Key)], LoadEncryption(state));
    }

    private static SymmetricSecurityKey LoadEncryption(StateDirectory state)
    {
        var name = $"{Folder}/encryption.key";
        var path = state.PathOf(name);
        if (!File.Exists(path))
        {
            state.WriteSecret(name, RandomNumberGenerator.GetBytes(32));
        }

        return new SymmetricSecurityKey(File.ReadAllBytes(path));
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
