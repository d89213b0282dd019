using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EndToEnd.Tests;

/// <summary>
/// A server and a developer's machine: two network namespaces with a cable between them. The control plane, with TLS, and
/// the fake upstream are on the server; agents are wherever a test starts them.
/// </summary>
internal sealed class TwoHosts : IAsyncDisposable
{
    public const string ServerAddress = "10.231.7.1";
    public const string DeveloperAddress = "10.231.7.2";
    private readonly List<Process> _processes = [];

    private TwoHosts(string name)
    {
        Server = name + "s";
        Developer = name + "d";
        Folder = Directory.CreateTempSubdirectory("netbird-two-hosts-").FullName;
    }

    /// <summary>Name of the server's namespace; its end of the cable is called cable.</summary>
    public string Server { get; }

    public string Developer { get; }

    public string Folder { get; }

    public string State => Path.Combine(Folder, "controlplane");

    public string Key { get; } = "sk-ant-planted-" + Guid.NewGuid().ToString("N");

    public Uri Management { get; } = new($"https://{ServerAddress}:8443");

    public Process LastStarted => _processes[^1];

    public string ControlPlaneLog => File.ReadAllText(Path.Combine(Folder, "controlplane.log"));

    /// <summary>What every program on the developer's machine needs to trust the server's certificate.</summary>
    public Dictionary<string, string?> Trust => new() { ["SSL_CERT_FILE"] = Path.Combine(Folder, "cert.pem") };

    public static async Task<TwoHosts> StartAsync()
    {
        Skip.If(!Environment.IsPrivilegedProcess, "needs root for network namespaces");
        var hosts = new TwoHosts($"e2e{Environment.ProcessId}");
        try
        {
            await hosts.BuildAsync();
            return hosts;
        }
        catch
        {
            await hosts.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a program in a namespace to its end.</summary>
    public Task<CommandResult> InAsync(string host, string program, IEnumerable<string> arguments, string? input = null)
        => Command.RunAsync("ip", ["netns", "exec", host, program, .. arguments], Trust, input);

    public Task<CommandResult> ShellAsync(string host, string script) => InAsync(host, "sh", ["-c", script]);

    /// <summary>Starts a program in a namespace; it is ended with this object.</summary>
    public Process Start(string host, string program, IEnumerable<string> arguments)
    {
        var process = Command.Start("ip", ["netns", "exec", host, program, .. arguments], Trust);
        _processes.Add(process);
        return process;
    }

    public Task<CommandResult> ControlPlaneAsync(IEnumerable<string> arguments, string? input = null)
        => InAsync(Server, Checkout.ControlPlane, [.. arguments, "--state-dir", State], input);

    /// <summary>An agent of a new person on the developer's machine, logged in and connected.</summary>
    /// <returns>Its state folder and the port of its endpoint.</returns>
    public async Task<(string State, int Port)> AddPersonAsync(string email, int port)
    {
        var password = "pw-" + Guid.NewGuid().ToString("N");
        var created = await ControlPlaneAsync(["user", "create", email, "--name", email, "--group", "Engineering", "--password-stdin"], password);
        Assert.True(created.ExitCode == 0, created.ToString());
        var key = await ControlPlaneAsync(["setup-key", "create", "for " + email, "--group", "Engineering", "--uses", "1", "--json"]);
        Assert.True(key.ExitCode == 0, key.ToString());
        var secret = System.Text.Json.JsonDocument.Parse(key.Output).RootElement.GetProperty("key").GetString()!;
        var state = Path.Combine(Folder, email);
        var agent = Start(Developer, Checkout.Agent,
        [
            "up", "--management-url", Management.ToString().TrimEnd('/'), "--state-dir", state,
            "--endpoint", $"127.0.0.1:{port}", "--setup-key", "-", "--foreground",
        ]);
        await agent.StandardInput.WriteLineAsync(secret);
        agent.StandardInput.Close();
        var output = agent.StandardOutput.ReadToEndAsync();
        var errors = agent.StandardError.ReadToEndAsync();
        for (var i = 0; i < 60; i++)
        {
            if (agent.HasExited)
            {
                throw new InvalidOperationException($"The agent ended.\n{await output}\n{await errors}");
            }

            if ((await InAsync(Developer, Checkout.Agent, ["status", "--state-dir", state])).ExitCode == 0)
            {
                return (state, port);
            }

            await Task.Delay(250);
        }

        throw new InvalidOperationException("The agent did not connect.\n" + ControlPlaneLog);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes.AsEnumerable().Reverse())
        {
            if (!process.HasExited)
            {
                using var terminate = Process.Start("kill", ["-TERM", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(8));
                try
                {
                    await process.WaitForExitAsync(limit.Token);
                }
                catch (OperationCanceledException)
                {
                    process.Kill(entireProcessTree: true);
                }
            }

            process.Dispose();
        }

        await Command.RunAsync("sh", ["-c", $"ip netns del {Server}; ip netns del {Developer}; true"]);
        Directory.Delete(Folder, recursive: true);
    }

    private async Task BuildAsync()
    {
        var cable = await Command.RunAsync("sh", ["-ec", $"""
            ip netns add {Server}
            ip netns add {Developer}
            ip link add cable netns {Server} type veth peer name cable netns {Developer}
            ip -n {Server} addr add {ServerAddress}/24 dev cable
            ip -n {Developer} addr add {DeveloperAddress}/24 dev cable
            for host in {Server} {Developer}; do ip -n $host link set lo up; ip -n $host link set cable up; done
            """]);
        Assert.True(cable.ExitCode == 0, cable.ToString());
        await WriteCertificateAsync();

        var upstream = Start(Server, Checkout.FakeAnthropic, ["--port", "9100", "--key", Key]);
        await upstream.StandardOutput.ReadLineAsync();
        // The log goes to a file, so that tests can search it for what must not be in it.
        Start(Server, "sh", ["-c", $"exec {Checkout.ControlPlane} serve --state-dir {State} --http {ServerAddress}:8443 "
            + $"--tls-cert {Folder}/cert.pem --tls-key {Folder}/key.pem >{Folder}/controlplane.log 2>&1"]);
        for (var i = 0; ; i++)
        {
            var ready = await ShellAsync(Server, $"curl -fsS --cacert {Folder}/cert.pem {Management}readyz && test -s {State}/admin-token");
            if (ready.ExitCode == 0)
            {
                break;
            }

            Assert.True(i < 100, ready + ControlPlaneLog);
            await Task.Delay(200);
        }

        var document = Path.Combine(Folder, "account.yaml");
        await File.WriteAllTextAsync(Path.Combine(Folder, "provider-key"), Key);
        await File.WriteAllTextAsync(document, $$"""
            groups:
              - name: Engineering
            providers:
              - name: Anthropic
                provider_id: anthropic_api
                upstream_url: http://127.0.0.1:9100
                api_key_file: {{Folder}}/provider-key
                enabled: true
            policies:
              - name: Engineering
                enabled: true
                source_groups: [Engineering]
                destination_provider_ids: [Anthropic]
            """);
        var applied = await ControlPlaneAsync(["apply", "-f", document]);
        Assert.True(applied.ExitCode == 0, applied.ToString());
    }

    private async Task WriteCertificateAsync()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=control plane under test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Parse(ServerAddress));
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.Now.AddDays(-1), DateTimeOffset.Now.AddDays(30));
        await File.WriteAllTextAsync(Path.Combine(Folder, "cert.pem"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(Path.Combine(Folder, "key.pem"), key.ExportPkcs8PrivateKeyPem());
        await Command.RunAsync("chmod", ["600", Path.Combine(Folder, "key.pem")]);
    }
}
