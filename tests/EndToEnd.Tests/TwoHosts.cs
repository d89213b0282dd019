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

    /// <summary>In the server's certificate; who resolves it is the test's business.</summary>
    public const string ServerName = "plane.test";
    private readonly List<Process> _processes = [];
    private Process? _controlPlane;

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

    /// <summary>What carries the gateway's end: --tunnel's value. With external, wireguard-go runs the interface.</summary>
    public string Tunnel { get; private init; } = "auto";

    /// <summary>The gateway's interface where another program runs it. Its socket's folder is the whole machine's.</summary>
    public string Interface => $"wgx{Environment.ProcessId}";

    private bool IsNamed { get; init; }

    /// <summary>A namespace for the interface of its own; null for the server's.</summary>
    public string? Inside { get; private init; }

    /// <summary>wireguard-go, where it runs the gateway's interface.</summary>
    public Process? Program { get; private set; }

    /// <param name="named">The server is known as <see cref="ServerName"/> too, to itself and by its certificate.</param>
    public static async Task<TwoHosts> StartAsync(string? tunnel = null, bool interfaceInside = false, bool named = false)
    {
        tunnel ??= Modes.Gateway;
        Skip.If(!Environment.IsPrivilegedProcess, "needs root for network namespaces");
        var hosts = new TwoHosts($"e2e{Environment.ProcessId}")
        {
            Tunnel = tunnel,
            IsNamed = named,
            Inside = interfaceInside ? $"e2e{Environment.ProcessId}i" : null,
        };
        Skip.If(tunnel == "external" && !File.Exists("/usr/bin/wireguard-go"), "wireguard-go is not installed");
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

    /// <summary>Real Claude Code on the developer's machine, pointed at an agent's endpoint.</summary>
    public async Task<CommandResult> ClaudeAsync(int port, string prompt, IEnumerable<string>? more = null)
    {
        var home = Path.Combine(Folder, "home" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(home);
        return await InAsync(Developer, "env",
        [
            "HOME=" + home, "IS_SANDBOX=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", $"ANTHROPIC_BASE_URL=http://127.0.0.1:{port}",
            "ANTHROPIC_API_KEY=none", Checkout.Claude!, "-p", prompt, .. more ?? [],
        ]);
    }

    public async Task<System.Text.Json.JsonElement> RestAsync(string path)
    {
        var answer = await SendAsync("GET", path);
        Assert.True(answer.ExitCode == 0, answer.ToString());
        return System.Text.Json.JsonDocument.Parse(answer.Output).RootElement;
    }

    public Task<CommandResult> SendAsync(string method, string path)
        => ShellAsync(Server,
            $"curl -fsS -X {method} --cacert {Folder}/cert.pem -H \"Authorization: Token $(cat {State}/admin-token)\" '{Management}{path}'");

    /// <summary>SIGTERM, as a service manager sends it, and the end of the process.</summary>
    public async Task StopControlPlaneAsync()
    {
        using var terminate = Process.Start("kill", ["-TERM", _controlPlane!.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await _controlPlane.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>Stops it or lets it go on, gateway and all.</summary>
    /// <param name="signal">STOP or CONT.</param>
    public async Task SignalControlPlaneAsync(string signal)
    {
        var sent = await Command.RunAsync("kill", ["-" + signal, _controlPlane!.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        Assert.True(sent.ExitCode == 0, sent.ToString());
    }

    /// <summary>kill -9, gateway and all.</summary>
    public async Task KillControlPlaneAsync()
    {
        _controlPlane!.Kill();
        await _controlPlane.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>Starts it, or starts it again, and waits until it is ready.</summary>
    public async Task StartControlPlaneAsync()
    {
        var more = Tunnel != "external" ? ""
            : $" --tunnel-interface {Interface}" + (Inside is null ? "" : $" --tunnel-namespace /run/netns/{Inside}");

        // The log goes to a file, so that tests can search it for what must not be in it.
        _controlPlane = Start(Server, "sh", ["-c", $"exec {Checkout.ControlPlane} serve --state-dir {State} --http {ServerAddress}:8443 "
            + $"--tls-cert {Folder}/cert.pem --tls-key {Folder}/key.pem --tunnel {Tunnel}{more} >>{Folder}/controlplane.log 2>&1"]);
        for (var i = 0; ; i++)
        {
            var ready = await ShellAsync(Server, $"curl -fsS --cacert {Folder}/cert.pem {Management}readyz && test -s {State}/admin-token");
            if (ready.ExitCode == 0)
            {
                return;
            }

            Assert.True(i < 100, ready + ControlPlaneLog);
            await Task.Delay(200);
        }
    }

    /// <summary>An agent of a new person on the developer's machine, logged in and connected.</summary>
    /// <returns>Its state folder and the port of its endpoint.</returns>
    /// <param name="management">How the agent names the control plane; null for its address.</param>
    public async Task<(string State, int Port)> AddPersonAsync(string email, int port, string? tunnel = null, string? management = null)
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
            "up", "--management-url", management ?? Management.ToString().TrimEnd('/'), "--state-dir", state,
            "--endpoint", $"127.0.0.1:{port}", "--setup-key", "-", "--foreground",
            "--tunnel", tunnel ?? Modes.Agent,
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

        await Command.RunAsync("sh", ["-c", $"ip netns del {Server}; ip netns del {Developer}; ip netns del {Inside ?? Server} 2>/dev/null; true"]);
        Directory.Delete(Folder, recursive: true);
        if (IsNamed)
        {
            Directory.Delete(Path.Combine("/etc/netns", Server), recursive: true);
        }
    }

    /// <summary>
    /// Starts wireguard-go on the server as its operator would. Given a namespace of its own, the interface is moved there
    /// and its UDP socket stays outside.
    /// </summary>
    public async Task StartProgramAsync()
    {
        Program = Start(Server, "env", ["LOG_LEVEL=error", "wireguard-go", "-f", Interface]);
        _ = Program.StandardError.ReadToEndAsync();
        for (var i = 0; !File.Exists($"/var/run/wireguard/{Interface}.sock"); i++)
        {
            Assert.True(i < 100 && !Program.HasExited, "wireguard-go did not start");
            await Task.Delay(100);
        }

        if (Inside is not null)
        {
            var moved = await Command.RunAsync("sh", ["-ec",
                $"ip netns add {Inside} 2>/dev/null || true; ip -n {Server} link set {Interface} netns {Inside}"]);
            Assert.True(moved.ExitCode == 0, moved.ToString());
        }
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
        if (IsNamed)
        {
            // ip netns exec mounts it over /etc/hosts.
            Directory.CreateDirectory(Path.Combine("/etc/netns", Server));
            await File.WriteAllTextAsync(Path.Combine("/etc/netns", Server, "hosts"), $"127.0.0.1 localhost\n{ServerAddress} {ServerName}\n");
        }

        if (Tunnel == "external")
        {
            await StartProgramAsync();
        }

        var upstream = Start(Server, Checkout.FakeAnthropic, ["--port", "9100", "--key", Key]);
        await upstream.StandardOutput.ReadLineAsync();
        await StartControlPlaneAsync();
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
        if (IsNamed)
        {
            names.AddDnsName(ServerName);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.Now.AddDays(-1), DateTimeOffset.Now.AddDays(30));
        await File.WriteAllTextAsync(Path.Combine(Folder, "cert.pem"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(Path.Combine(Folder, "key.pem"), key.ExportPkcs8PrivateKeyPem());
        await Command.RunAsync("chmod", ["600", Path.Combine(Folder, "key.pem")]);
    }
}
