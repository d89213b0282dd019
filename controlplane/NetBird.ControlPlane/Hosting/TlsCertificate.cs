using System.Diagnostics.Metrics;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace NetBird.ControlPlane.Hosting;

/// <summary>
/// The server's certificate, read again when its files change, so that a renewal needs no restart. A pair that
/// cannot be read keeps the one before in use: the files are often replaced one after the other.
/// </summary>
internal sealed partial class TlsCertificate : IDisposable
{
    /// <summary>Ours: what renews itself does so well before, and who does it by hand has a week of work.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromDays(14);
    private static readonly TimeSpan WarnEvery = TimeSpan.FromDays(1);

    // Ours: soon enough for a renewal, rare enough for a stat per handshake not to matter.
    private static readonly TimeSpan CheckEvery = TimeSpan.FromSeconds(5);

    private readonly TlsFiles _files;
    private readonly TimeProvider _time;
    private readonly ILogger<TlsCertificate> _logger;
    private readonly Meter _meter;
    private readonly Lock _lock = new();
    private SslStreamCertificateContext? _current;
    private (DateTime Certificate, DateTime Key) _stamp;
    private long _checkedAt;
    private DateTimeOffset _endsAt;
    private DateTimeOffset _warnedAt;

    public TlsCertificate(TlsFiles files, TimeProvider time, ILogger<TlsCertificate> logger, IMeterFactory meters)
    {
        (_files, _time, _logger) = (files, time, logger);
        _meter = meters.Create("NetBird.Tls");
        _meter.CreateObservableGauge("netbird.tls.certificate.left", () => (EndsAt - time.GetUtcNow()).TotalSeconds, "s", "Until the certificate ends");
    }

    /// <summary>When nobody gets through any more.</summary>
    public DateTimeOffset EndsAt
    {
        get
        {
            Current();
            return _endsAt;
        }
    }

    /// <summary>The same where it is near; else null.</summary>
    public DateTimeOffset? EndsSoonAt => EndsAt is var end && end - _time.GetUtcNow() < Soon ? end : null;

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
            if (_current is null || _time.GetElapsedTime(_checkedAt) > CheckEvery)
            {
                _checkedAt = _time.GetTimestamp();
                ReloadLocked();
                WarnLocked();
            }

            return _current!;
        }
    }

    public void Dispose() => _meter.Dispose();

    private void WarnLocked()
    {
        var now = _time.GetUtcNow();
        if (_endsAt - now < Soon && now - _warnedAt >= WarnEvery)
        {
            _warnedAt = now;
            Log.CertificateEnds(_logger, _endsAt.UtcDateTime, (_endsAt - now).TotalDays);
        }
    }

    private void ReloadLocked()
    {
        var stamp = (File.GetLastWriteTimeUtc(_files.Certificate), File.GetLastWriteTimeUtc(_files.Key));
        if (_current is not null && stamp == _stamp)
        {
            return;
        }

        try
        {
            var certificate = X509Certificate2.CreateFromPemFile(_files.Certificate, _files.Key);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(_files.Certificate);
            (_current, _stamp) = (SslStreamCertificateContext.Create(certificate, chain, offline: true), stamp);
            _endsAt = certificate.NotAfter.ToUniversalTime();
            Log.CertificateLoaded(_logger, certificate.Subject, certificate.NotAfter.ToUniversalTime());
        }
        catch (Exception e) when (_current is not null && (e is IOException or UnauthorizedAccessException or CryptographicException))
        {
            Log.CertificateKept(_logger, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Hosting + 10, LogLevel.Information, "Serving the certificate of {Subject}, valid until {NotAfter:u}")]
        public static partial void CertificateLoaded(ILogger logger, string subject, DateTime notAfter);

        [LoggerMessage(EventIds.Hosting + 11, LogLevel.Warning, "The new certificate cannot be read, the old one stays in use: {Reason}")]
        public static partial void CertificateKept(ILogger logger, string reason);

        [LoggerMessage(EventIds.Hosting + 12, LogLevel.Warning,
            "The certificate ends at {NotAfter:u}, in {Days:F0} days, and then nobody gets through; replace its files, which are read again")]
        public static partial void CertificateEnds(ILogger logger, DateTime notAfter, double days);
    }
}
