using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using NetBird.ControlPlane.Hosting;

namespace NetBird.ControlPlane.Tests.Hosting;

public sealed class ControlPlaneServerTests
{
    [Fact]
    public async Task Start_PortTaken_SaysSo_AndLeavesTheStateFree()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        await using var running = await RunningControlPlane.StartAsync();
        var state = Directory.CreateTempSubdirectory("netbird-cp-test-").FullName;
        var options = running.Options with { StateDirectory = state, Http = (IPEndPoint)other.LocalEndpoint };

        var refusal = await Assert.ThrowsAsync<StartException>(() => ControlPlaneServer.StartAsync(options, TimeProvider.System, default));

        Assert.Contains("in use", refusal.Message, StringComparison.Ordinal);
        StateDirectory.Open(state).Dispose();
        Directory.Delete(state, recursive: true);
    }

    [Fact]
    public async Task Start_StateInUse_SaysSo()
    {
        await using var running = await RunningControlPlane.StartAsync();
        var refusal = await Assert.ThrowsAsync<IOException>(
            () => ControlPlaneServer.StartAsync(running.Options, TimeProvider.System, default));
        Assert.Contains("in use by another control plane", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Host_ThatIsNotOurs_IsRefused()
    {
        await using var running = await RunningControlPlane.StartAsync();
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(running.Url, "/healthz"));
        request.Headers.Host = "rebound.example";
        using var response = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task Metrics_AreExposed_ToThisMachine_NotThroughAProxy()
    {
        await using var running = await RunningControlPlane.StartAsync();
        using var http = new HttpClient();
        Assert.Contains("# TYPE", await http.GetStringAsync(new Uri(running.Url, "/metrics")), StringComparison.Ordinal);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(running.Url, "/metrics"));
        request.Headers.Add("X-Forwarded-For", "192.0.2.1");
        using var response = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task Pages_WithoutALogin_LeadToOne()
    {
        await using var running = await RunningControlPlane.StartAsync();
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var response = await http.GetAsync(running.Url);
        Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
        Assert.Equal("/login", response.Headers.Location?.AbsolutePath);
    }

    [Fact]
    public async Task Tls_ServesTheCertificate_AndTheOneThatReplacesIt()
    {
        var folder = Directory.CreateTempSubdirectory("netbird-cp-test-").FullName;
        var files = new TlsFiles(Path.Combine(folder, "cert.pem"), Path.Combine(folder, "key.pem"));
        var first = Write(files);
        await using var running = await RunningControlPlane.StartAsync(options => options with { Tls = files });
        Assert.Equal("https://localhost:" + running.Url.Port + "/", running.Url.AbsoluteUri);
        Assert.Equal(first, await ServedAsync(running.Url));
        using (var handler = new SocketsHttpHandler())
        {
            handler.SslOptions.RemoteCertificateValidationCallback = (_, served, _, _) => served is X509Certificate2 own && own.Thumbprint == first;
            using var http = new HttpClient(handler);
            var measured = await http.GetStringAsync(new Uri(running.Url, "/metrics"));
            Assert.Matches(@"(?m)^netbird_tls_certificate_left_seconds[{ ].*\b8[56]\d{3}\.", measured); // a day
            Assert.Matches(@"(?m)^netbird_state_free_bytes[{ ]", measured);
        }

        var second = Write(files);
        File.SetLastWriteTimeUtc(files.Certificate, DateTime.UtcNow.AddMinutes(1));
        var served = first;
        for (var i = 0; i < 40 && served != second; i++)
        {
            await Task.Delay(250);
            served = await ServedAsync(running.Url);
        }

        Assert.Equal(second, served);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task StateDirectory_IsItsOwnersAlone()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        await using var running = await RunningControlPlane.StartAsync();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(running.Options.StateDirectory));
        foreach (var file in (string[])["gateway.key.sealed", "keys/cluster.key", "admin-token"])
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(running.Options.StateDirectory, file)));
        }
    }

    private static string Write(TlsFiles files)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(files.Certificate, certificate.ExportCertificatePem());
        File.WriteAllText(files.Key, key.ExportPkcs8PrivateKeyPem());
        return certificate.Thumbprint;
    }

    private static async Task<string> ServedAsync(Uri url)
    {
        var thumbprint = "";
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) =>
        {
            // Self-signed and for our name: which one it is, is what the test asks.
            thumbprint = ((X509Certificate2)certificate!).Thumbprint;
            return certificate.Subject == "CN=localhost";
        };
        using var http = new HttpClient(handler);
        await http.GetStringAsync(new Uri(url, "/healthz"));
        return thumbprint;
    }
}
