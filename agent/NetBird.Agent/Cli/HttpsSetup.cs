using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using NetBird.Agent.ClaudeCode;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Cli;

/// <summary>
/// Makes the https form usable on this machine, and tries it as Claude Code will before anything is written for it.
/// </summary>
internal static class HttpsSetup
{
    /// <exception cref="DaemonException">It cannot be used; the words say what to do.</exception>
    public static async Task PrepareAsync(StatusReply? status, CancellationToken cancellationToken)
    {
        if (status is null)
        {
            throw DaemonException.NotRunning();
        }

        if (status.EndpointHttpsUrl.Length == 0)
        {
            throw new DaemonException(
                status.EndpointHttpsProblem.Length != 0 ? status.EndpointHttpsProblem
                    : status.State is not ("connected" or "degraded") ? $"The agent is not connected, and the https form needs a certificate of the control plane. {status.Reason}"
                    : "The account has no name for the https form. An administrator sets endpoint_name in the account's settings, such as claude.example.internal.",
                ExitCode.NotRunning);
        }

        var url = new Uri(status.EndpointHttpsUrl);
        if (!await HostsFile.LeadsToAsync(url.Host, status.EndpointHttpsAddress, cancellationToken).ConfigureAwait(false))
        {
            if (!HostsFile.TryPut(url.Host, status.EndpointHttpsAddress))
            {
                throw new DaemonException(
                    $"""
                    {url.Host} does not lead to this machine yet, and this account may not change {HostsFile.Path}. Run once:
                      echo '{HostsFile.LineFor(url.Host, status.EndpointHttpsAddress)}' | sudo tee -a {HostsFile.Path}
                    Then run this command again. Nothing was changed.
                    """,
                    ExitCode.NotPermitted);
            }

            Terminal.Message.WriteLine($"{HostsFile.Path} leads {url.Host} to {status.EndpointHttpsAddress} now.");
            if (!await HostsFile.LeadsToAsync(url.Host, status.EndpointHttpsAddress, cancellationToken).ConfigureAwait(false))
            {
                throw new DaemonException(
                    $"{url.Host} still leads elsewhere: another line of {HostsFile.Path} or a name server comes first. Take that out; nothing else was changed.", ExitCode.Failed);
            }
        }

        await TryAsync(url, status.EndpointAuthorityFile, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A request as Claude Code makes it, trusting our authority alone.</summary>
    private static async Task TryAsync(Uri url, string authorityFile, CancellationToken cancellationToken)
    {
        try
        {
            using var authority = X509CertificateLoader.LoadCertificateFromFile(authorityFile);
            using var handler = new SocketsHttpHandler { UseProxy = false };
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                CustomTrustStore = { authority },
            };
            using var http = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(5) };
            using var request = new HttpRequestMessage(HttpMethod.Head, new Uri(url, "/api/hello"));
            using var answer = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode)
            {
                throw new DaemonException($"{url} answers {(int)answer.StatusCode}. See: netbird-agent doctor", ExitCode.Failed);
            }
        }
        catch (Exception e) when (e is HttpRequestException or CryptographicException or IOException or UnauthorizedAccessException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new DaemonException($"{url} does not answer: {(e.InnerException ?? e).Message.TrimEnd('.')}. See: netbird-agent doctor", ExitCode.Failed);
        }
    }
}
