using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.EndpointCertificates;

/// <summary>
/// The authority behind the agents' https endpoint, among this node's sealed files: one key for good, and
/// a certificate for the account's present endpoint name. Name constraints hold it to that name, so a machine that
/// trusts it trusts nothing else by it, whoever may steal the key.
/// </summary>
internal sealed class EndpointAuthority(AccountState state, TimeProvider time) : IDisposable
{
    private const string SecretName = "endpoint-authority.pem";

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
        _authority ??= Read();
        if (_authority is { } current && NameConstraints.Allow(current, name) && current.NotAfter - time.GetUtcNow() > After)
        {
            return current;
        }

        using var key = _authority?.GetECDsaPrivateKey() ?? ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=NetBird.Agent endpoint authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(NameConstraints.For(name));
        var now = time.GetUtcNow();
        var made = request.CreateSelfSigned(now - (2 * Before), now + AuthorityLifetime);
        state.Own.Put(SecretName, Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n" + made.ExportCertificatePem() + "\n"));
        _authority?.Dispose();
        return _authority = made;
    }

    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    private X509Certificate2? Read()
    {
        if (state.Own.Find(SecretName) is not { } content)
        {
            return null;
        }

        try
        {
            var text = Encoding.ASCII.GetString(content);
            return X509Certificate2.CreateFromPem(text, text);
        }
        catch (CryptographicException e)
        {
            throw new InvalidDataException($"{SecretName} is damaged. Restore it from a backup, or remove it: every agent then takes the new authority by itself.", e);
        }
    }
}

/// <summary>A certificate and who signed it, both DER.</summary>
internal sealed record IssuedCertificate(byte[] Certificate, byte[] Authority);
