using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace NetBird.Agent.Tests.TestSupport;

/// <summary>npm's oidc-provider as a process, and a person who clicks through its pages.</summary>
internal sealed partial class OidcProvider : IDisposable
{
    private readonly string _held = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
    private Process? _node;

    private OidcProvider(int port, int lifetimeSeconds, int codeSeconds)
    {
        Port = port;
        LifetimeSeconds = lifetimeSeconds;
        CodeSeconds = codeSeconds;
    }

    public int Port { get; }

    public int LifetimeSeconds { get; }

    /// <summary>How long device codes and authorization codes are good for.</summary>
    public int CodeSeconds { get; }

    public string Issuer => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}");

    public static async Task<OidcProvider> StartAsync(int lifetimeSeconds = 3600, int codeSeconds = 120)
    {
        Skip.If(Environment.GetEnvironmentVariable("NETBIRD_NODE_MODULES") is not { Length: > 0 } modules
            || !Directory.Exists(Path.Combine(modules, "oidc-provider")), "NETBIRD_NODE_MODULES names no folder with oidc-provider");
        var provider = new OidcProvider(Ports.Free(), lifetimeSeconds, codeSeconds);
        await provider.RestartAsync();
        return provider;
    }

    public async Task RestartAsync()
    {
        var start = new ProcessStartInfo("node") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Idp", "provider.mjs"));
        start.ArgumentList.Add(Port.ToString(CultureInfo.InvariantCulture));
        start.ArgumentList.Add(LifetimeSeconds.ToString(CultureInfo.InvariantCulture));
        start.ArgumentList.Add(CodeSeconds.ToString(CultureInfo.InvariantCulture));
        start.ArgumentList.Add(_held);
        _node = Process.Start(start)!;
        _node.ErrorDataReceived += (_, _) => { };
        _node.BeginErrorReadLine();
        while (await _node.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("listening", StringComparison.Ordinal))
            {
                return;
            }
        }

        throw new InvalidOperationException("oidc-provider did not start.");
    }

    /// <summary>What the issuer says to that refresh token.</summary>
    public async Task<string> RefreshAsync(string refreshToken)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "refresh_token", ["client_id"] = "netbird-agent", ["refresh_token"] = refreshToken,
        });
        using var answer = await http.PostAsync(Issuer + "/token", form);
        return await answer.Content.ReadAsStringAsync();
    }

    public void Stop()
    {
        _node?.Kill();
        _node?.WaitForExit();
        _node = null;
    }

    /// <summary>From now on what it says to a token request stays on its way: it has given the tokens, and nobody has them.</summary>
    public void HoldTokens() => File.WriteAllText(_held, "");

    /// <summary>Once such an answer is on its way.</summary>
    public async Task TokensAreHeldAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!File.Exists(_held + ".reached"))
        {
            await Task.Delay(20, limit.Token);
        }
    }

    public void LetTokensGo() => File.Delete(_held);

    /// <summary>Hangs it, as an issuer behind a dead network: it takes connections and answers none, and forgets nothing.</summary>
    public void Suspend() => Signal("-STOP");

    public void Continue() => Signal("-CONT");

    private void Signal(string signal)
        => Process.Start("kill", [signal, _node!.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();

    /// <summary>Follows redirects and submits the forms as a person does, until a page has no form; its text.</summary>
    /// <param name="url">Where the person begins.</param>
    /// <param name="person">Login name.</param>
    /// <param name="userCode">What is typed where a page asks for a device's code.</param>
    /// <param name="beforeReturn">Awaited before the browser goes back to the program that asked, with the address it goes to.</param>
    public static async Task<string> WalkAsync(string url, string person, string? userCode = null, Func<Uri, Task>? beforeReturn = null)
    {
        var origin = new Uri(url).Authority;
        using var handler = new HttpClientHandler { CookieContainer = new CookieContainer(), UseProxy = false, AllowAutoRedirect = false };
        using var http = new HttpClient(handler);
        var answer = await FollowAsync(await http.GetAsync(url));

        async Task<HttpResponseMessage> FollowAsync(HttpResponseMessage response)
        {
            while (response.Headers.Location is { } location)
            {
                var next = new Uri(response.RequestMessage!.RequestUri!, location);
                if (next.Authority != origin && beforeReturn is not null)
                {
                    await beforeReturn(next);
                }

                response = await http.GetAsync(next);
            }

            return response;
        }

        for (var step = 0; step < 8; step++)
        {
            var page = await answer.Content.ReadAsStringAsync();
            var form = FormPattern().Match(page);
            if (!form.Success)
            {
                return page;
            }

            var fields = InputPattern().Matches(page)
                .Select(input => (Name: AttributePattern("name").Match(input.Value).Groups[1].Value, Value: AttributePattern("value").Match(input.Value).Groups[1].Value))
                .Where(field => field.Name.Length != 0 && field.Name != "abort")
                .GroupBy(field => field.Name)
                .ToDictionary(group => group.Key, group => group.First().Value);
            if (fields.TryGetValue("login", out _))
            {
                (fields["login"], fields["password"]) = (person, "x");
            }

            if (fields.TryGetValue("user_code", out _) && userCode is not null)
            {
                fields["user_code"] = userCode;
            }

            using var content = new FormUrlEncodedContent(fields);
            answer = await FollowAsync(await http.PostAsync(new Uri(answer.RequestMessage!.RequestUri!, WebUtility.HtmlDecode(form.Groups[1].Value)), content));
        }

        throw new InvalidOperationException("The pages do not end: " + await answer.Content.ReadAsStringAsync());
    }

    public void Dispose()
    {
        Stop();
        File.Delete(_held);
        File.Delete(_held + ".reached");
    }

    [GeneratedRegex("<form[^>]*action=\"([^\"]*)\"", RegexOptions.IgnoreCase)]
    private static partial Regex FormPattern();

    [GeneratedRegex("<input[^>]*>", RegexOptions.IgnoreCase)]
    private static partial Regex InputPattern();

    private static Regex AttributePattern(string name) => new($"{name}=\"([^\"]*)\"", RegexOptions.IgnoreCase);
}
