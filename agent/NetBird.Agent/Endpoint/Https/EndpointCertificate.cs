using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using NetBird.Agent.Store;

namespace NetBird.Agent.Endpoint.Https;

/// <summary>The https form's certificate with its key, which was made here and never leaves this machine.</summary>
internal sealed class EndpointCertificate : IDisposable
{
    private readonly X509Certificate2 _leaf;
    private readonly X509Certificate2 _authority;

    private EndpointCertificate(X509Certificate2 leaf, X509Certificate2 authority)
    {
        _leaf = leaf;
        _authority = authority;
        Name = leaf.GetNameInfo(X509NameType.DnsName, forIssuer: false);
        Context = SslStreamCertificateContext.Create(leaf, [authority], offline: true);
    }

    /// <summary>The account's endpoint name.</summary>
    public string Name { get; }

    /// <summary>What the server side of a handshake takes.</summary>
    public SslStreamCertificateContext Context { get; }

    /// <summary>When to ask for the next: a quarter of its life before it was made counts as made (the issuer dates it back).</summary>
    /// <remarks>Ours: with the control plane's seven days, a day after it was issued.</remarks>
    public DateTimeOffset RenewAt => _leaf.NotBefore + ((_leaf.NotAfter - _leaf.NotBefore) * 2 / 7);

    public bool IsValid(DateTimeOffset now) => _leaf.NotBefore <= now && now < _leaf.NotAfter;

    /// <summary>A fresh key and what to send for it: PKCS#10, DER.</summary>
    public static (ECDsa Key, byte[] Request) Prepare()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return (key, new CertificateRequest("CN=netbird-agent", key, HashAlgorithmName.SHA256).CreateSigningRequest());
    }

    /// <summary>Keeps what the control plane issued, in one file of the state directory, and the authority in another, for Claude Code.</summary>
    /// <exception cref="CryptographicException">It is not for our key.</exception>
    public static EndpointCertificate Keep(StateDirectory state, ECDsa key, ReadOnlySpan<byte> certificate, ReadOnlySpan<byte> authority)
    {
        using var issued = X509CertificateLoader.LoadCertificate(certificate);
        var signer = X509CertificateLoader.LoadCertificate(authority);
        var text = Encoding.ASCII.GetBytes($"{key.ExportPkcs8PrivateKeyPem()}\n{issued.ExportCertificatePem()}\n{signer.ExportCertificatePem()}\n");
        var kept = new EndpointCertificate(issued.CopyWithPrivateKey(key), signer);
        try
        {
            PrivateFile.Replace(state.EndpointCertificateFile, text);
            state.Publish(state.AuthorityFile, Encoding.ASCII.GetBytes(signer.ExportCertificatePem() + "\n"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full disk: it serves from memory, and the next start asks for another.
        }
        finally
        {
            CryptographicOperations.ZeroMemory(text);
        }

        return kept;
    }

    /// <summary>What an earlier run kept; null when there is none that can be used.</summary>
    public static EndpointCertificate? TryLoad(StateDirectory state)
    {
        try
        {
            if (!File.Exists(state.EndpointCertificateFile) || !PrivateFile.IsPrivate(state.EndpointCertificateFile))
            {
                return null;
            }

            var text = File.ReadAllText(state.EndpointCertificateFile);
            var all = new X509Certificate2Collection();
            all.ImportFromPem(text);
            if (all.Count != 2)
            {
                return null;
            }

            if (!File.Exists(state.AuthorityFile))
            {
                // The folder of a service's sockets is made anew at each boot.
                state.Publish(state.AuthorityFile, Encoding.ASCII.GetBytes(all[1].ExportCertificatePem() + "\n"));
            }

            return new EndpointCertificate(X509Certificate2.CreateFromPem(text, text), all[1]);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Removes what was kept: the account has no name for the https form any more, or nobody is logged in.</summary>
    public static void Forget(StateDirectory state)
    {
        File.Delete(state.EndpointCertificateFile);
        File.Delete(state.AuthorityFile);
    }

    public void Dispose()
    {
        _leaf.Dispose();
        _authority.Dispose();
    }
}
