using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography;

namespace EndToEnd.Tests.Logins;

/// <summary>
/// Debian's Glewlwyd, set up by its own administration API as a company would: a public client with PKCE and two exact
/// redirect addresses, a groups claim, refresh tokens.
/// </summary>
internal sealed class Glewlwyd : IIdentityProvider
{
    private const string Schema = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";
    private const string Password = "correct horse battery";

    private readonly string _folder = Directory.CreateTempSubdirectory("netbird-glewlwyd-").FullName;
    private readonly int _port = AgentSession.FreePort();
    private readonly HttpClient _admin;
    private Process? _process;

    private Glewlwyd() => _admin = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };

    public string Name => "glewlwyd";

    public string Issuer => $"http://127.0.0.1:{_port}/api/oidc";

    public static async Task<Glewlwyd> StartAsync()
    {
        Skip.IfNot(File.Exists("/usr/bin/glewlwyd") && File.Exists("/usr/bin/sqlite3"), "Debian's glewlwyd and sqlite3 are not installed");
        var provider = new Glewlwyd();
        await provider.FillAsync();
        await provider.RestartAsync();
        await provider.SetUpAsync();
        return provider;
    }

    public async Task RestartAsync()
    {
        _process = Command.Start("/usr/bin/glewlwyd", ["--config-file=" + Path.Combine(_folder, "glewlwyd.conf")]);
        _process.OutputDataReceived += (_, _) => { };
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        for (var i = 0; i < 200; i++)
        {
            try
            {
                using var answer = await _admin.GetAsync("/config");
                return;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(50);
            }
        }

        throw new TimeoutException("Glewlwyd does not answer.");
    }

    public void Stop()
    {
        _process?.Kill();
        _process?.WaitForExit();
        _process = null;
    }

    /// <summary>A new signing key, and the old one gone from the published set.</summary>
    public async Task RotateKeysAsync()
    {
        await SignInAsync();
        await SendAsync(HttpMethod.Put, "/api/mod/plugin/oidc", Plugin());
        await SendAsync(HttpMethod.Put, "/api/mod/plugin/oidc/reset", null);
    }

    public async Task LogInAsync(Microsoft.Playwright.IPage page)
    {
        await LogInAndConsentAsync(page);
        await page.WaitForURLAsync("http://127.0.0.1:*/callback*");
    }

    public async Task LetDeviceInAsync(Microsoft.Playwright.IPage page)
    {
        await LogInAndConsentAsync(page);
        await page.GetByText("Authorization complete").WaitForAsync();
    }

    /// <summary>Its login page is a program of its own: a name, a password, then consent to each scope.</summary>
    private static async Task LogInAndConsentAsync(Microsoft.Playwright.IPage page)
    {
        await page.Locator("#username").FillAsync("ada");
        await page.Locator("#password").FillAsync(Password);
        await page.Keyboard.PressAsync("Enter");

        // Consent, by a box to check and a button; asked again where the agent asks for it.
        var box = page.Locator("input[type=checkbox]").Last;
        await box.WaitForAsync();
        foreach (var one in await page.Locator("input[type=checkbox]").AllAsync())
        {
            await one.CheckAsync(new() { Force = true });
        }

        await page.GetByText("Continue", new() { Exact = true }).ClickAsync();
    }

    public void Dispose()
    {
        Stop();
        _admin.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task FillAsync()
    {
        var filled = await Command.RunAsync("sqlite3", [Path.Combine(_folder, "db")], input: await File.ReadAllTextAsync(Schema));
        Assert.True(filled.ExitCode == 0, filled.ToString());

        // The package's pages, with the one file that is a folder in the package put where the pages look for it.
        var copied = await Command.RunAsync("sh", ["-c", $"cp -rL /usr/share/glewlwyd/webapp '{_folder}/webapp' && if [ -d '{_folder}/webapp/config.json' ]; then mv '{_folder}/webapp/config.json' '{_folder}/webapp/c' && cp '{_folder}/webapp/c/config.json' '{_folder}/webapp/config.json'; fi"]);
        Assert.True(copied.ExitCode == 0, copied.ToString());
        await File.WriteAllTextAsync(Path.Combine(_folder, "glewlwyd.conf"), $$"""
            port={{_port}}
            bind_address="127.0.0.1"
            external_url="http://127.0.0.1:{{_port}}"
            login_url="login.html"
            api_prefix="api"
            static_files_path="{{_folder}}/webapp/"
            log_mode="console"
            log_level="WARNING"
            cookie_secure=0
            session_key="GLEWLWYD"
            session_expiration=2419200
            admin_scope="g_admin"
            profile_scope="g_profile"
            user_module_path="/usr/lib/glewlwyd/user"
            client_module_path="/usr/lib/glewlwyd/client"
            user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
            plugin_module_path="/usr/lib/glewlwyd/plugin"
            hash_algorithm="SHA512"
            database = { type = "sqlite3"; path = "{{_folder}}/db" };
            static_files_mime_types = (
              { extension = ".html"; mime_type = "text/html" }, { extension = ".css"; mime_type = "text/css" },
              { extension = ".js"; mime_type = "application/javascript" }, { extension = ".json"; mime_type = "application/json" } )
            """);
    }

    private async Task SetUpAsync()
    {
        await SignInAsync();
        foreach (var scope in new[] { "profile", "email", "groups", "offline_access" })
        {
            await SendAsync(HttpMethod.Post, "/api/scope/", Scope(scope));
        }

        await SendAsync(HttpMethod.Put, "/api/scope/openid", Scope("openid"));
        await SendAsync(HttpMethod.Post, "/api/mod/plugin/", Plugin());
        await SendAsync(HttpMethod.Put, "/api/mod/user/database", new Dictionary<string, object>
        {
            ["module"] = "database", ["name"] = "database", ["display_name"] = "database",
            ["parameters"] = new Dictionary<string, object>
            {
                ["use-glewlwyd-connection"] = true,
                ["data-format"] = new { groups = new Dictionary<string, bool> { ["multiple"] = true, ["read"] = true, ["write"] = true, ["profile-read"] = true } },
            },
        });
        await SendAsync(HttpMethod.Put, "/api/mod/user/database/reset", null);
        await SendAsync(HttpMethod.Post, "/api/user/", new
        {
            username = "ada", name = "Ada Example", email = "ada@example.test", password = Password, enabled = true,
            scope = new[] { "openid", "profile", "email", "groups", "offline_access", "g_profile" }, groups = new[] { "Engineering" },
        });
        await SendAsync(HttpMethod.Post, "/api/client/", new
        {
            client_id = "netbird-agent", name = "NetBird.Agent", enabled = true, confidential = false,
            redirect_uri = new[] { "http://127.0.0.1:53000/callback", "http://127.0.0.1:54000/callback" },
            authorization_type = new[] { "code", "refresh_token", "device_authorization" },
            token_endpoint_auth_method = new[] { "none" },
            scope = new[] { "openid", "profile", "email", "groups", "offline_access" },
        });
    }

    private static object Scope(string name)
        => new { name, display_name = name, description = name, password_required = true, password_max_age = 0, scheme = new { } };

    private object Plugin()
    {
        using var key = RSA.Create(2048);
        return new
        {
            module = "oidc", name = "oidc", display_name = "OpenID Connect",
            parameters = new Dictionary<string, object>
            {
                ["iss"] = Issuer, ["jwt-type"] = "rsa", ["jwt-key-size"] = "256",
                ["key"] = key.ExportPkcs8PrivateKeyPem(), ["cert"] = key.ExportSubjectPublicKeyInfoPem(), ["jwks-show"] = true,
                ["access-token-duration"] = 3600, ["refresh-token-duration"] = 1_209_600, ["code-duration"] = 600,
                ["refresh-token-rolling"] = true, ["allow-non-oidc"] = false, ["subject-type"] = "public",
                ["auth-type-code-enabled"] = true, ["auth-type-refresh-enabled"] = true, ["auth-type-device-enabled"] = true,
                ["auth-type-token-enabled"] = false, ["auth-type-password-enabled"] = false, ["auth-type-client-enabled"] = false,
                ["auth-type-implicit-enabled"] = false, ["auth-type-none-enabled"] = false,
                ["pkce-allowed"] = true, ["pkce-method-plain-allowed"] = false, ["pkce-required"] = true,
                ["allowed-scope"] = new[] { "openid", "profile", "email", "groups", "offline_access" },
                ["introspection-revocation-allowed"] = true, ["introspection-revocation-allow-target-client"] = true,
                ["device-authorization-expiration"] = 600, ["device-authorization-interval"] = 1,
                ["request-parameter-allow"] = false, ["name-claim"] = "mandatory", ["email-claim"] = "mandatory", ["scope-claim"] = "no",
                ["claims"] = new[] { new Dictionary<string, object> { ["name"] = "groups", ["user-property"] = "groups", ["type"] = "string", ["mandatory"] = true, ["on-demand"] = false } },
            },
        };
    }

    private Task SignInAsync() => SendAsync(HttpMethod.Post, "/api/auth/", new { username = "admin", password = "password" });

    private async Task SendAsync(HttpMethod method, string path, object? body)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        using var answer = await _admin.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {(int)answer.StatusCode} {text}");
    }
}
