using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NetBird.ControlPlane.Hosting;

namespace NetBird.ControlPlane.Tests.Hosting;

/// <summary>A certificate that nears its end is told of, before nobody gets through any more.</summary>
public sealed class TlsCertificateTests : IDisposable
{
    private readonly TemporaryState _state = new();
    private readonly Warned _log = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    public void Dispose()
    {
        _services.Dispose();
        _state.Dispose();
    }

    [Fact]
    public void EndsSoonAt_TwoWeeksBefore_IsSaid_AndWarnedOfOnceADay()
    {
        var end = _state.Time.GetUtcNow().AddDays(30);
        using var certificate = new TlsCertificate(Write(end), _state.Time, _log, _services.GetRequiredService<IMeterFactory>());
        var left = TimeSpan.Zero;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, own) =>
        {
            if (instrument.Name == "netbird.tls.certificate.left")
            {
                own.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((_, seconds, _, _) => left = TimeSpan.FromSeconds(seconds));
        listener.Start();
        Assert.Null(certificate.EndsSoonAt);
        _state.Time.Advance(TimeSpan.FromDays(15));
        Assert.Null(certificate.EndsSoonAt);
        Assert.Equal(0, _log.Warnings);

        _state.Time.Advance(TimeSpan.FromDays(2));
        Assert.Equal(end, certificate.EndsSoonAt);
        _state.Time.Advance(TimeSpan.FromHours(12));
        certificate.Current();
        Assert.Equal(1, _log.Warnings);
        _state.Time.Advance(TimeSpan.FromHours(13));
        certificate.Current();
        Assert.Equal(2, _log.Warnings);
        listener.RecordObservableInstruments();
        Assert.Equal(TimeSpan.FromDays(30 - 17) - TimeSpan.FromHours(25), left);

        Write(end.AddDays(90));
        File.SetLastWriteTimeUtc(Path.Combine(_state.Path, "cert.pem"), DateTime.UtcNow.AddMinutes(1));
        _state.Time.Advance(TimeSpan.FromDays(2));
        Assert.Null(certificate.EndsSoonAt);
        Assert.Equal(2, _log.Warnings);
    }

    private TlsFiles Write(DateTimeOffset end)
    {
        var files = new TlsFiles(Path.Combine(_state.Path, "cert.pem"), Path.Combine(_state.Path, "key.pem"));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(end.AddDays(-60), end);
        File.WriteAllText(files.Certificate, certificate.ExportCertificatePem());
        File.WriteAllText(files.Key, key.ExportPkcs8PrivateKeyPem());
        return files;
    }

    private sealed class Warned : ILogger<TlsCertificate>
    {
        public int Warnings { get; private set; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => Warnings += formatter(state, exception).StartsWith("The certificate ends at", StringComparison.Ordinal) ? 1 : 0;
    }
}
