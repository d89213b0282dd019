using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.EndpointCertificates;

/// <summary>
/// The authority behind the agents' https endpoint, among the sealed secrets that all nodes share: an agent that turns to
/// another node gets its certificates from the same one. One for each endpoint name the account ever had; name constraints
/// hold it to that name, so a machine that trusts it trusts nothing else by it, whoever may steal the key.
/// </summary>
internal sealed class EndpointAuthority(AccountState state, TimeProvider time) : IDisposable
{
    /// <summary>Of the shared secrets; in it an authority for each name, numbered where one came to its end.</summary>
    public const string Folder = "endpoint";

    // Of earlier versions: this node's own, for the name of the day.
    private const string EarlierName = "endpoint-authority.pem";

    /// <summary>Ours: the agents are told of a new one with each certificate, so nothing depends on its end.</summary>
    private static readonly TimeSpan AuthorityLifetime = TimeSpan.FromDays(3650);

    /// <summary>
    /// Ours: agents renew daily, so a control plane may be away for days. A day before, since the clocks of machines
    /// differ; six after, as public authorities' short-lived certificates have.
    /// </summary>
    private static readonly TimeSpan Before = TimeSpan.FromDays(1);
    private static readonly TimeSpan After = TimeSpan.FromDays(6);

    private readonly Lock _gate = new();
    private X509Certificate2? _authority;

    /// <summary>Signs a certificate for <paramref name="name"/> and this key.</summary>
    /// <param name="name">The account's endpoint name, lower case.</param>
    /// <param name="key">What the caller proved to hold.</param>
    public IssuedCertificate Issue(string name, PublicKey key)
    {
        lock (_gate)
        {
            var authority = ForLocked(name);
            var request = new CertificateRequest(new X500DistinguishedName("CN=" + name), key, HashAlgorithmName.SHA256);
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(name);
            request.CertificateExtensions.Add(names.Build());
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
            request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1", "TLS server")], critical: false));
            request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, true, false));
            var now = time.GetUtcNow();
            var end = now + After < authority.NotAfter ? now + After : authority.NotAfter;
            using var certificate = request.Create(authority, now - Before, end, RandomNumberGenerator.GetBytes(16));
            return new(certificate.RawData, authority.RawData);
        }
    }

    public void Dispose() => _authority?.Dispose();

    private X509Certificate2 ForLocked(string name)
    {
        for (var number = 0; _authority is null || !Serves(_authority, name); number++)
        {
            // Of several nodes one makes it, and all read that one.
            var kept = SecretOf(name, number);
            var read = Read(kept, state.Secrets.GetOrAdd(kept, () => Earlier(name) ?? Make(name)));
            _authority?.Dispose();
            _authority = read;
        }

        return _authority;
    }

    private static string SecretOf(string name, int number)
        => $"{Folder}/{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 10))}-{number}.pem";

    private bool Serves(X509Certificate2 authority, string name)
        => NameConstraints.Allow(authority, name) && authority.NotAfter - time.GetUtcNow() > After;

    private byte[] Make(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=NetBird.Agent endpoint authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(NameConstraints.For(name));
        var now = time.GetUtcNow();
        using var made = request.CreateSelfSigned(now - (2 * Before), now + AuthorityLifetime);
        return Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n" + made.ExportCertificatePem() + "\n");
    }

    /// <summary>What an earlier version made here for this name, which agents trust already; null: nothing.</summary>
    private byte[]? Earlier(string name)
    {
        if (state.Own.Find(EarlierName) is not { } content)
        {
            return null;
        }

        using var authority = Read(EarlierName, content);
        return Serves(authority, name) ? content : null;
    }

    /// <exception cref="InvalidDataException">It is damaged.</exception>
    private static X509Certificate2 Read(string secret, byte[] content)
    {
        try
        {
            var text = Encoding.ASCII.GetString(content);
            return X509Certificate2.CreateFromPem(text, text);
        }
        catch (CryptographicException e)
        {
            throw new InvalidDataException($"The secret {secret} is damaged. Restore it from a backup, or remove it: every agent then takes a new authority by itself.", e);
        }
    }
}

/// <summary>A certificate and who signed it, both DER.</summary>
internal sealed record IssuedCertificate(byte[] Certificate, byte[] Authority);
