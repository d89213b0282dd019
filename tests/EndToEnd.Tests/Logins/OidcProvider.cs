using System.Diagnostics;
using System.Globalization;
using Microsoft.Playwright;

namespace EndToEnd.Tests.Logins;

/// <summary>npm's oidc-provider, with its own pages: any name logs in, then consent.</summary>
internal sealed class OidcProvider : IIdentityProvider
{
    private readonly int _port = AgentSession.FreePort();
    private Process? _node;

    public string Name => "oidc-provider";

    public string Issuer => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_port}");

    public static async Task<OidcProvider> StartAsync()
    {
        Skip.If(Checkout.NodeModules is null || !Directory.Exists(Path.Combine(Checkout.NodeModules, "oidc-provider")), "npm's oidc-provider is not installed");
        var provider = new OidcProvider();
        await provider.RestartAsync();
        return provider;
    }

    public async Task RestartAsync()
    {
        _node = Command.Start("node", [Path.Combine(Checkout.Root, "tests", "NetBird.Agent.Tests", "Idp", "provider.mjs"), _port.ToString(CultureInfo.InvariantCulture)]);
        _node.ErrorDataReceived += (_, _) => { };
        _node.BeginErrorReadLine();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (await _node.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            if (line.StartsWith("listening", StringComparison.Ordinal))
            {
                return;
            }
        }

        throw new InvalidOperationException("oidc-provider did not start.");
    }

    public void Stop()
    {
        _node?.Kill();
        _node?.WaitForExit();
        _node = null;
    }

    public async Task LogInAsync(IPage page)
    {
        await LogInAndConsentAsync(page);
        await page.WaitForURLAsync("http://127.0.0.1:*/callback*");
    }

    public async Task LetDeviceInAsync(IPage page)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
        await LogInAndConsentAsync(page);
        await page.GetByText("Sign-in Success").First.WaitForAsync();
    }

    private static async Task LogInAndConsentAsync(IPage page)
    {
        await page.Locator("input[name=login]").FillAsync("ada");
        await page.Locator("input[name=password]").FillAsync("x");
        await page.Locator("button[type=submit]").ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
    }

    public void Dispose() => Stop();
}
