using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using NetBird.Agent.Cli;
using NetBird.Agent.Endpoint;
using NetBird.Agent.Store;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Diagnosis;

/// <summary>Walks the links in order; what depends on a broken one is not looked at, and says so.</summary>
internal sealed class Examination(StateDirectory state)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly List<Check> _checks = [];

    public async Task<IReadOnlyList<Check>> RunAsync(CancellationToken cancellationToken)
    {
        var status = await DaemonAsync(cancellationToken).ConfigureAwait(false);
        if (status is null)
        {
            SkipAll("the agent is not running", "claude code", "endpoint", "login", "dns", "control plane", "udp path", "handshake", "gateway", "policy", "provider");
            return _checks;
        }

        Add(ClaudeCheck.Run(status));
        var endpoint = await EndpointAsync(status, cancellationToken).ConfigureAwait(false);
        var login = Login(status);
        await DnsAsync(status, cancellationToken).ConfigureAwait(false);
        ControlPlane(status);
        if (!login)
        {
            SkipAll("no valid login", "udp path", "handshake", "gateway", "policy", "provider");
            return _checks;
        }

        // Asked before the tunnel is judged: what was heard a minute ago says nothing of now, and the question itself finds out.
        var answer = endpoint && status.TunnelInterface.Length != 0 ? await AskProviderAsync(status, cancellationToken).ConfigureAwait(false) : null;
        var tunnel = Tunnel(answer?.Status ?? status);
        if (answer is not null && tunnel)
        {
            Judge(answer);
        }
        else
        {
            SkipAll(endpoint ? "no tunnel to it" : "no way in by the endpoint", "gateway", "policy", "provider");
        }

        return _checks;
    }

    private async Task<StatusReply?> DaemonAsync(CancellationToken cancellationToken)
    {
        try
        {
            var status = await DaemonConnection.StatusAsync(state, cancellationToken).ConfigureAwait(false);
            Add(Check.Pass("daemon", $"running as process {status.ProcessId}, version {status.AgentVersion}"));
            return status;
        }
        catch (DaemonException e)
        {
            Add(Check.Fail("daemon", e.Lack, e.Remedy.Length != 0 ? e.Remedy : "netbird-agent up"));
            return null;
        }
    }

    private async Task<bool> EndpointAsync(StatusReply status, CancellationToken cancellationToken)
    {
        if (status.EndpointUrl.Length == 0 && status.ManagementUrl.Length == 0)
        {
            Add(Check.Skip("endpoint", "it listens from the first 'up' on"));
            return false;
        }

        if (status.EndpointUrl.Length == 0)
        {
            Add(Check.Fail("endpoint", status.Lack.Length != 0 ? status.Lack : "does not listen", "netbird-agent up --endpoint 127.0.0.1:8789"));
            return false;
        }

        if (new AccountId(status.Owner) is var owner && owner != ProcessOwner.Account)
        {
            Add(Check.Skip("endpoint", $"it serves {owner} alone, and this is {ProcessOwner.Account}; run this as that person"));
            return false;
        }

        try
        {
            using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = Patience };
            using var request = new HttpRequestMessage(HttpMethod.Head, status.EndpointUrl + "/api/hello");
            using var answer = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                Add(Check.Pass("endpoint", status.EndpointUrl + " answers"));
                return true;
            }

            if (RefusalWriter.IsOurs(answer))
            {
                Add(Check.Fail("endpoint", $"{status.EndpointUrl} does not serve this program: {OwnerOnly.Untold}", OwnerOnly.WhenUntold));
                return false;
            }

            Add(Check.Fail("endpoint", $"{status.EndpointUrl} answers {(int)answer.StatusCode}; another program may listen there", "netbird-agent up --endpoint 127.0.0.1:8789"));
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Add(Check.Fail("endpoint", $"{status.EndpointUrl} does not answer: {e.Message}", "netbird-agent down; netbird-agent up"));
        }

        return false;
    }

    private bool Login(StatusReply status)
    {
        if (status.State is "logged_out" or "login_needed")
        {
            Add(Check.Fail("login", status.Lack, status.Remedy.Length != 0 ? status.Remedy : "Ask your administrator"));
            return false;
        }

        var end = status.LoginExpiresAt == 0 ? "does not expire"
            : "until " + DateTimeOffset.FromUnixTimeSeconds(status.LoginExpiresAt).ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        var renewal = status.RefreshTokenIn.Length == 0 ? "" : $"; refresh token {StatusText.RefreshToken(status)}";
        Add(Check.Pass("login", $"{status.UserName}, {end}{renewal}"));
        return true;
    }

    private async Task DnsAsync(StatusReply status, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(status.ManagementUrl, UriKind.Absolute, out var url))
        {
            Add(Check.Skip("dns", "no control plane is chosen"));
            return;
        }

        if (IPAddress.TryParse(url.DnsSafeHost, out _))
        {
            Add(Check.Pass("dns", $"{url.DnsSafeHost} is an address, nothing to resolve"));
            return;
        }

        try
        {
            var addresses = await Dns.GetHostAddressesAsync(url.DnsSafeHost, cancellationToken).ConfigureAwait(false);
            Add(Check.Pass("dns", $"{url.DnsSafeHost} is {string.Join(", ", addresses.Take(3).Select(address => address.ToString()))}"));
        }
        catch (SocketException e)
        {
            Add(Check.Fail("dns", $"{url.DnsSafeHost} is not found: {e.Message}", "Check the network and the name in: netbird-agent status"));
        }
    }

    private void ControlPlane(StatusReply status)
        => Add(status.ManagementConnected
            ? SilentFor(status) is { } silence
                ? Check.Fail("control plane", $"{status.ManagementUrl} answered {StatusText.Ago(silence)} ago and not just now", "It may be down or hang; it is tried again by itself")
                : Check.Pass("control plane", $"{status.ManagementUrl} connected")
            : status.State is "logged_out" or "login_needed" or "down"
                ? Check.Skip("control plane", "not asked while " + status.State.Replace('_', ' '))
                : Check.Fail("control plane", status.Lack.Length != 0 ? status.Lack : $"{status.ManagementUrl} is not reached", "Check the network; it is tried again by itself"));

    /// <summary>How old the figures are that it was asked for with this very status; null where they are fresh, or it tells none.</summary>
    private static TimeSpan? SilentFor(StatusReply status)
        => status.Budget is { AsOf: > 0 and var told } && TimeProvider.System.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(told) is var age && age > Patience ? age : null;

    private bool Tunnel(StatusReply status)
    {
        if (status.TunnelInterface.Length == 0)
        {
            SkipAll(status.Lack.Length != 0 ? status.Lack : "the tunnel is down", "udp path", "handshake");
            return false;
        }

        var answers = status.Gateways.FirstOrDefault(gateway => gateway is { Answers: true, ReceivedBytes: > 0 });
        var heard = answers ?? status.Gateways.FirstOrDefault(gateway => gateway.ReceivedBytes > 0);
        var all = string.Join(", ", status.Gateways.Select(gateway => gateway.Endpoint));
        var hangs = answers is null ? status.Gateways.FirstOrDefault(gateway => gateway.Hangs) : null;
        Add(answers is not null ? Check.Pass("udp path", $"{answers.Endpoint} answers ({answers.ReceivedBytes} bytes received)")
            : hangs is not null ? Check.Pass("udp path", $"{hangs.Endpoint} takes connections ({hangs.ReceivedBytes} bytes received)")
            : heard is not null ? Check.Fail("udp path", $"{heard.Endpoint} answered before and is silent now", "The gateway may be down, or a firewall drop UDP since; it is tried again by itself")
            : status.Gateways.Count == 0 ? Check.Fail("udp path", "the account has no gateway", "Ask your administrator")
            : Check.Fail("udp path", $"nothing comes back from {all}", "Let UDP to that address and port pass your firewall, or try another network"));
        var live = status.Gateways.FirstOrDefault(gateway => gateway.LastHandshake != 0);
        if (live is null)
        {
            Add(Check.Fail("handshake", "none yet", heard is null ? "Mend the UDP path first" : "The gateway's key or this machine's may have changed: netbird-agent login"));
            return false;
        }

        var age = TimeProvider.System.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(live.LastHandshake);
        Add(age < TimeSpan.FromMinutes(4) || answers is not null || hangs is not null
            ? Check.Pass("handshake", $"{StatusText.Ago(age)} ago with {live.OverlayAddress}")
            : Check.Fail("handshake", $"the last was {StatusText.Ago(age)} ago", "The gateway may be down, or UDP blocked since; it is tried again by itself"));
        return true;
    }

    /// <summary>One free call says three things: that the gateway answers, that a policy lets us in, and that the provider takes the key.</summary>
    private async Task<ProviderAnswer> AskProviderAsync(StatusReply before, CancellationToken cancellationToken)
    {
        try
        {
            using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = Patience, MaxResponseContentBufferSize = 4 * 1024 * 1024 };
            using var request = new HttpRequestMessage(HttpMethod.Get, before.EndpointUrl + "/v1/models?limit=1");
            request.Headers.Add("anthropic-version", "2023-06-01");
            using var answer = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            var sentence = answer.IsSuccessStatusCode ? "" : Sentence(await answer.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false));
            var now = await DaemonConnection.StatusAsync(state, cancellationToken).ConfigureAwait(false);

            // The agent's own words tell people to ask the doctor; what it knows by now, without that.
            return RefusalWriter.IsOurs(answer)
                ? new(now, null, now.Lack.Length != 0 ? now.Lack : "it does not answer")
                : new(now, (int)answer.StatusCode, sentence);
        }
        catch (Exception e) when (e is HttpRequestException or DaemonException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return new(before, null, $"no answer through the tunnel: {e.Message}");
        }
    }

    private void Judge(ProviderAnswer answer)
    {
        var (_, code, sentence) = answer;
        if (code is null or 503)
        {
            Add(Check.Fail("gateway", sentence, code is null ? "It is tried again by itself; if it stays so, ask your administrator" : "Ask your administrator, or try again in a moment"));
            SkipAll("the gateway does not serve", "policy", "provider");
            return;
        }

        Add(Check.Pass("gateway", "answers through the tunnel"));
        if (code is 400 or 403 or 429)
        {
            Add(Check.Fail("policy", sentence, code == 429 ? "netbird-agent budget" : "Ask your administrator for a policy that lets your group in"));
            SkipAll("no policy lets a request through", "provider");
            return;
        }

        if (answer.Status.Budget?.Caps.FirstOrDefault(cap => cap is { Limit: > 0, Soft: false } && cap.Used + cap.Reserved >= cap.Limit) is { } spent)
        {
            // A list of models is free, so that it passes says nothing of the caps.
            Add(Check.Fail("policy", $"lets you in, and nothing is left of the limit of {spent.Source}", "netbird-agent budget"));
        }
        else
        {
            Add(Check.Pass("policy", "lets you in"));
        }

        Add(code < 400
            ? Check.Pass("provider", "answers")
            : Check.Fail("provider", $"answers {code}: {sentence}", "Ask your administrator to check the provider's key and URL"));
    }

    private static string Sentence(string body)
    {
        try
        {
            using var parsed = JsonDocument.Parse(body);
            return parsed.RootElement.GetProperty("error").GetProperty("message").GetString() ?? "";
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return "an answer that is not in the provider's form";
        }
    }

    private void Add(Check check) => _checks.Add(check);

    private void SkipAll(string why, params ReadOnlySpan<string> links)
    {
        foreach (var link in links)
        {
            Add(Check.Skip(link, why));
        }
    }

    /// <param name="Status">The agent's after the question.</param>
    /// <param name="Code">The gateway's answer; null when none came through the tunnel.</param>
    /// <param name="Sentence">Why not, in whole words.</param>
    private sealed record ProviderAnswer(StatusReply Status, int? Code, string Sentence);
}
