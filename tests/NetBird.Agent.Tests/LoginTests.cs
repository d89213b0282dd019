using System.Net;
using System.Net.Sockets;
using System.Diagnostics;
using System.Text.Json;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>Login with a provider that nobody here wrote, driven through the real executable.</summary>
public sealed class LoginTests
{
    [SkippableFact]
    public async Task Login_InBrowserWithPkce_EnrolsWithTheIssuersToken()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var plane = await TestControlPlane.StartAsync(idp.Issuer);
        await using var agent = new AgentProcess();

        var login = agent.Start("login", "--no-browser", "--management-url", plane.Url);
        var url = await UrlOf(login);
        var page = await OidcProvider.WalkAsync(url, "ada");
        var outcome = await AgentProcess.EndAsync(login, TimeSpan.FromSeconds(60));

        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("You may close this window", page, StringComparison.Ordinal);

        // The provider requires PKCE, so a token at all shows that it was used (it takes pushed requests, so the URL does not).
        Assert.Equal("ada", Claims(Assert.Single(plane.IdTokens)).GetProperty("sub").GetString());
        Assert.Single(plane.Peers);
    }

    /// <summary>Over ssh, say: nothing here can show a login page, so nobody has to know of --device-code.</summary>
    [SkippableFact]
    public async Task Login_OnATerminalWithoutADisplay_ShowsACodeAndItsPicture()
    {
        Skip.IfNot(File.Exists("/usr/bin/script"), "Debian's bsdutils is not installed");
        using var idp = await OidcProvider.StartAsync();
        await using var plane = await TestControlPlane.StartAsync(idp.Issuer);
        await using var agent = new AgentProcess();
        var start = new ProcessStartInfo("script",
            ["-q", "-e", "-c", $"stty cols 100 rows 60; exec {AgentProcess.Executable} login --management-url {plane.Url} --state-dir {agent.StateDir} --endpoint 127.0.0.1:{agent.EndpointPort}", "/dev/null"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        start.Environment.Remove("DISPLAY");
        start.Environment.Remove("WAYLAND_DISPLAY");
        using var terminal = Process.Start(start)!;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var seen = new List<string>();
        const string Link = "Or open: ";
        while (seen.LastOrDefault()?.StartsWith(Link, StringComparison.Ordinal) is not true)
        {
            seen.Add((await terminal.StandardOutput.ReadLineAsync(patience.Token) ?? throw new InvalidOperationException(string.Join('\n', seen))).TrimEnd('\r'));
        }

        await OidcProvider.WalkAsync(seen[^1][Link.Length..], "ada");
        await terminal.WaitForExitAsync(patience.Token);

        // A picture of at least version 1, 21 squares (ISO/IEC 18004), two of them above each other in a line.
        var picture = seen.Where(line => line.Length >= 21 && line.All(c => "█▀▄ ".Contains(c, StringComparison.Ordinal))).ToList();
        Assert.True(picture.Count >= 11, string.Join('\n', seen));
        Assert.Single(picture.Select(line => line.Length).Distinct());
        Assert.Equal(0, terminal.ExitCode);
        Assert.Single(plane.IdTokens);
    }

    [SkippableFact]
    public async Task Login_Interrupted_SaysSoAndIsNoSuccess()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var plane = await TestControlPlane.StartAsync(idp.Issuer);
        await using var agent = new AgentProcess();
        var login = agent.Start("login", "--no-browser", "--management-url", plane.Url);
        await UrlOf(login);

        Process.Start("kill", ["-INT", login.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();
        var outcome = await AgentProcess.EndAsync(login, TimeSpan.FromSeconds(30));

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("before the login was done", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Login_SetupKeyFromStandardInput_EnrolsWithoutAPerson()
    {
        await using var plane = await TestControlPlane.StartAsync();
        await using var agent = new AgentProcess();

        var outcome = await agent.RunWithAsync(plane.SetupKey + "\n", "login", "--setup-key", "-", "--management-url", plane.Url);

        Assert.True(outcome.ExitCode == 0, outcome.ToString());
        Assert.Single(plane.Peers);
    }

    [Fact]
    public async Task Login_WrongSetupKey_SaysSoWithExitCode4()
    {
        await using var plane = await TestControlPlane.StartAsync();
        await using var agent = new AgentProcess();

        var outcome = await agent.RunWithAsync("wrong\n", "login", "--setup-key", "-", "--management-url", plane.Url);

        Assert.Equal(4, outcome.ExitCode);
        Assert.Contains("This setup key is not known.", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://example.com", "https://example.com")]
    [InlineData("ftp://x", "not an http or https URL")]
    public async Task Login_UnsafeManagementUrl_IsRefusedInWords(string url, string words)
    {
        await using var agent = new AgentProcess();

        var outcome = await agent.RunAsync("login", "--management-url", url);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains(words, outcome.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Login_IssuerDown_SaysWhichWithinSeconds()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var plane = await TestControlPlane.StartAsync(idp.Issuer);
        await using var agent = new AgentProcess();
        idp.Stop();

        var outcome = await agent.RunAsync("login", "--no-browser", "--management-url", plane.Url);

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(idp.Issuer, outcome.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Login_RegisteredRedirectPortsTaken_ListensOnAnother()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var plane = await TestControlPlane.StartAsync(idp.Issuer);
        await using var agent = new AgentProcess();
        using var first = await HoldAsync(53000);
        using var second = await HoldAsync(54000);
        var login = agent.Start("login", "--no-browser", "--management-url", plane.Url);
        var returns = new List<Uri>();

        await OidcProvider.WalkAsync(await UrlOf(login), "ada", beforeReturn: address =>
        {
            returns.Add(address);
            return Task.CompletedTask;
        });
        var outcome = await AgentProcess.EndAsync(login, TimeSpan.FromSeconds(60));

        Assert.True(outcome.ExitCode == 0, outcome.ToString());
        Assert.DoesNotContain(Assert.Single(returns).Port, new[] { 53000, 54000 });

        static async Task<TcpListener> HoldAsync(int port)
        {
            for (var i = 0; ; i++)
            {
                var listener = new TcpListener(IPAddress.Loopback, port);
                try
                {
                    listener.Start();
                    return listener;
                }
                catch (SocketException) when (i < 600)
                {
                    // Another test's login has it at this moment.
                    await Task.Delay(100);
                }
            }
        }
    }

    [SkippableFact]
    public async Task Logout_AfterDown_LeavesTheAccountToo_AndLeavesNoAgentBehind()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var plane = await TestControlPlane.StartAsync(idp.Issuer);
        await using var agent = new AgentProcess();
        await LogInAsync(agent, plane);
        await agent.RunAsync("down");

        var outcome = await agent.RunAsync("logout");

        Assert.True(outcome.ExitCode == 0, outcome.ToString());
        Assert.Equal(1, plane.Departures);
        Assert.Equal(3, (await agent.RunAsync("status")).ExitCode);
    }

    [SkippableFact]
    public async Task Logout_AfterLogin_LeavesTheAccountAndForgetsTheTokens()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var plane = await TestControlPlane.StartAsync(idp.Issuer);
        await using var agent = new AgentProcess();
        await LogInAsync(agent, plane);

        var outcome = await agent.RunAsync("logout");

        Assert.True(outcome.ExitCode == 0, outcome.ToString());
        Assert.Equal(1, plane.Departures);
        Assert.Empty(plane.Peers);
        Assert.Equal("logged_out", (await agent.StatusAsync()).GetProperty("state").GetString());
    }

    [SkippableFact]
    public async Task Logout_WithEverybodyAway_ForgetsTheLogin_AndSaysWhatIsLeftBehind()
    {
        using var idp = await OidcProvider.StartAsync();
        await using var plane = await TestControlPlane.StartAsync(idp.Issuer);
        await using var agent = new AgentProcess();
        await LogInAsync(agent, plane);
        idp.Stop();
        await plane.StopAsync();

        var outcome = await agent.RunAsync("logout");

        Assert.True(outcome.ExitCode == 0, outcome.ToString());
        Assert.Contains("This machine stays listed in the account", outcome.Error, StringComparison.Ordinal);
        Assert.Contains($"was not revoked at {idp.Issuer}", outcome.Error, StringComparison.Ordinal);
        Assert.Equal("logged_out", (await agent.StatusAsync()).GetProperty("state").GetString());
    }

    private static async Task LogInAsync(AgentProcess agent, TestControlPlane plane)
    {
        var login = agent.Start("login", "--no-browser", "--management-url", plane.Url);
        await OidcProvider.WalkAsync(await UrlOf(login), "ada");
        await AgentProcess.EndAsync(login, TimeSpan.FromSeconds(60));
    }

    private static async Task<string> UrlOf(Process login, string prefix = "")
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var seen = new List<string>();
        while (await login.StandardError.ReadLineAsync(patience.Token) is { } line)
        {
            seen.Add(line);
            if (line.StartsWith(prefix + "http", StringComparison.Ordinal))
            {
                return line[prefix.Length..];
            }
        }

        throw new InvalidOperationException(string.Join('\n', seen));
    }

    private static JsonElement Claims(string token)
    {
        var part = token.Split('.')[1].Replace('-', '+').Replace('_', '/');
        return JsonDocument.Parse(Convert.FromBase64String(part.PadRight((part.Length + 3) / 4 * 4, '='))).RootElement;
    }
}
