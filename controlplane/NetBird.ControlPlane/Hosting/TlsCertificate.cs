using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace NetBird.ControlPlane.Hosting;

/// <summary>
/// The server's certificate, read again when its files change, so that a renewal needs no restart. A pair that
/// cannot be read keeps the one before in use: the files are often replaced one after the other.
/// </summary>
internal sealed partial class TlsCertificate(TlsFiles files, TimeProvider time, ILogger<TlsCertificate> logger)
{
    // Ours: soon enough for a renewal, rare enough for a stat per handshake not to matter.
    private static readonly TimeSpan CheckEvery = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private SslStreamCertificateContext? _current;
    private (DateTime Certificate, DateTime Key) _stamp;
    private long _checkedAt;

    /// <summary>Why the pair cannot be used, or null.</summary>
    public static string? Problem(TlsFiles files)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPemFile(files.Certificate, files.Key);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return $"{files.Certificate} and {files.Key} cannot be read as a PEM certificate and its key: {e.Message.TrimEnd('.')}";
        }
    }

    /// <summary>The first DNS name that a certificate is for, or null.</summary>
    public static string? FirstName(TlsFiles files)
    {
        using var certificate = X509Certificate2.CreateFromPemFile(files.Certificate, files.Key);
        return certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(names => names.EnumerateDnsNames())
            .FirstOrDefault(name => !name.StartsWith('*'));
    }

    public SslStreamCertificateContext Current()
    {
        lock (_lock)
        {
            if (_current is null || time.GetElapsedTime(_checkedAt) > CheckEvery)
            {
                _checkedAt = time.GetTimestamp();
                ReloadLocked();
            }

            return _current!;
        }
    }

    private void ReloadLocked()
    {
        var stamp = (File.GetLastWriteTimeUtc(files.Certificate), File.GetLastWriteTimeUtc(files.Key));
        if (_current is not null && stamp == _stamp)
        {
            return;
        }

        try
        {
            var certificate = X509Certificate2.CreateFromPemFile(files.Certificate, files.Key);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(files.Certificate);
            (_current, _stamp) = (SslStreamCertificateContext.Create(certificate, chain, offline: true), stamp);
            Log.CertificateLoaded(logger, certificate.Subject, certificate.NotAfter.ToUniversalTime());
        }
        catch (Exception e) when (_current is not null && (e is IOException or UnauthorizedAccessException or CryptographicException))
        {
            Log.CertificateKept(logger, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Hosting + 10, LogLevel.Information, "Serving the certificate of {Subject}, valid until {NotAfter:u}")]
        public static partial void CertificateLoaded(ILogger logger, string subject, DateTime notAfter);

        [LoggerMessage(EventIds.Hosting + 11, LogLevel.Warning, "The new certificate cannot be read, the old one stays in use: {Reason}")]
        public static partial void CertificateKept(ILogger logger, string reason);
    }
}
