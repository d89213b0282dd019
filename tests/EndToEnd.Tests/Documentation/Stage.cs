using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;

namespace EndToEnd.Tests.Documentation;

/// <summary>
/// What a reader of the guides has: a server named claude.example.com, a developer's machine, and the rest of the internet
/// at one address. The programs are this checkout's; the person at the browser is a script.
/// </summary>
internal sealed partial class Stage : IAsyncDisposable
{
    private const string Network = "10.231.9";
    private readonly Dictionary<string, Machine> _machines = [];
    private readonly Dictionary<string, Process> _staying = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("netbird-guides-").FullName;
    private string _person = """{ "name": "ana@example.com", "password": "", "next": "correct horse battery" }""";

    private static readonly string[] Names =
        ["claude.example.com", "api.anthropic.com", "example.okta.com", "login.microsoftonline.com", "accounts.google.com", "sso.example.com"];

    public static async Task<Stage> StartAsync()
    {
        var stage = new Stage();
        try
        {
            stage.WriteCertificate();
            var internet = await stage.JoinAsync("internet", 3);
            await internet.MustAsync("ip link add hub type bridge && ip link set hub up && ip addr add " + $"{Network}.3/24 dev hub");
            internet.Start($"exec {Checkout.FakeAnthropic} --port 9100 --key sk-ant-...", "/tmp/upstream.log");
            internet.Start($"exec env NETBIRD_NODE_MODULES={Checkout.NodeModules} {Checkout.Node} {Script("internet.mjs")} {stage._folder} 9100", "/tmp/internet.log");
            for (var i = 0; (await internet.RunAsync("grep -q listening /tmp/internet.log && curl -fsS -o /dev/null http://127.0.0.1:9100/ -I")).ExitCode != 0; i++)
            {
                Assert.True(i < 150, (await internet.RunAsync("cat /tmp/*.log")).ToString());
                await Task.Delay(200);
            }

            return stage;
        }
        catch
        {
            await stage.DisposeAsync();
            throw;
        }
    }

    /// <summary>Does what the block says, and returns how that went; what it should have printed is the caller's to check.</summary>
    public async Task<CommandResult> RunAsync(GuideBlock block)
    {
        if (block.Has("new") && _machines.Remove(block.Machine, out var old))
        {
            _staying.Remove(block.Machine);
            await old.DisposeAsync();
            await _machines["internet"].RunAsync($"ip link del {block.Machine}");
        }

        var machine = _machines.GetValueOrDefault(block.Machine) ?? await JoinAsync(block.Machine, NumberOf(block.Machine));
        if (block.Has("stays"))
        {
            return await StayAsync(machine, block);
        }

        var result = await machine.RunAsync(block.Text);
        if (Password().Match(result.Output) is { Success: true } shown)
        {
            _person = $$"""{ "name": "ana@example.com", "password": "{{shown.Groups[1].Value}}", "next": "correct horse battery" }""";
            if (_machines.TryGetValue("laptop", out var laptop))
            {
                await laptop.MustAsync("cat >/etc/person", _person);
            }
        }

        return result;
    }

    public async Task WriteAsync(GuideBlock block)
    {
        var machine = _machines.GetValueOrDefault(block.Machine is "" ? "server" : block.Machine) ?? await JoinAsync(block.Machine is "" ? "server" : block.Machine, NumberOf(block.Machine is "" ? "server" : block.Machine));
        await machine.MustAsync($"mkdir -p $(dirname {block.File}) && cat >{block.File}", block.Text + "\n");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var machine in _machines.Values)
        {
            await machine.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>In place of what stayed there before, which is asked to end as Ctrl-C asks.</summary>
    private async Task<CommandResult> StayAsync(Machine machine, GuideBlock block)
    {
        if (_staying.Remove(machine.Name, out var before) && !before.HasExited)
        {
            await machine.RunAsync("kill -TERM $(cat /tmp/staying) ; while kill -0 $(cat /tmp/staying) 2>/dev/null; do sleep 0.1; done", 30);
        }

        var process = machine.Start("echo $$ >/tmp/staying\n" + block.Text.Replace("netbird-controlplane serve", "exec netbird-controlplane serve", StringComparison.Ordinal), "/tmp/staying.log");
        _staying[machine.Name] = process;
        for (var i = 0; !process.HasExited && i < 300; i++)
        {
            var ready = machine.Name == "clone" ? "grep -q Ctrl-C /tmp/staying.log" : "curl -fsS -o /dev/null https://claude.example.com/readyz";
            if ((await machine.RunAsync(ready)).ExitCode == 0)
            {
                break;
            }

            await Task.Delay(200);
        }

        var log = await machine.RunAsync("cat /tmp/staying.log");
        return log with { ExitCode = process.HasExited ? Math.Max(1, process.ExitCode) : 0 };
    }

    private async Task<Machine> JoinAsync(string name, int number)
    {
        var machine = await Machine.StartAsync(name);
        _machines[name] = machine;
        var hosts = string.Join('\n', Names.Select(host => $"{Network}.{(host == "claude.example.com" ? 1 : 3)} {host}")) + $"\n127.0.0.1 localhost {name}\n";
        await machine.MustAsync("cat >/etc/hosts", hosts);
        await machine.MustAsync($"""
            cat {_folder}/cert.pem >>/etc/ssl/certs/ca-certificates.crt
            cp {_folder}/cert.pem /etc/ssl/certs/guides.pem && openssl rehash /etc/ssl/certs 2>/dev/null || true
            ln -s {Checkout.Agent} {Checkout.ControlPlane} {Checkout.Claude} /usr/bin/
            rm -rf /var/lib/netbird-* /etc/claude-code /etc/netbird-* /home/ana/.claude*
            """);
        if (name == "internet")
        {
            return machine;
        }

        var hub = _machines["internet"];
        var plugged = await Command.RunAsync("ip", ["link", "add", "cable", "netns", machine.Init, "type", "veth", "peer", "name", name, "netns", hub.Init]);
        Assert.True(plugged.ExitCode == 0, plugged.ToString());
        await hub.MustAsync($"ip link set {name} master hub up");
        await machine.MustAsync($"ip addr add {Network}.{number}/24 dev cable && ip link set cable up && ip route add default via {Network}.3");
        if (name == "clone")
        {
            machine.Folder = Checkout.Root;
        }
        else if (name == "server")
        {
            await machine.MustAsync($"cp {_folder}/*.pem . && chmod 600 key.pem");
        }
        else
        {
            await machine.MustAsync("cat >/etc/person", _person);
            await machine.MustAsync($"printf '#!/bin/sh\\nNODE_EXTRA_CA_CERTS={_folder}/cert.pem exec {Checkout.Node} {Script("browser.mjs")} \"$1\"\\n' >/usr/bin/xdg-open && chmod 755 /usr/bin/xdg-open");
        }

        return machine;
    }

    private static int NumberOf(string machine) => machine switch { "server" => 1, "laptop" => 2, _ => 4 };

    private static string Script(string name) => Path.Combine(Checkout.Root, "tests/EndToEnd.Tests/Documentation", name);

    private void WriteCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=claude.example.com", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var name in Names)
        {
            names.AddDnsName(name);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.Now.AddDays(-1), DateTimeOffset.Now.AddDays(30));
        File.WriteAllText(Path.Combine(_folder, "cert.pem"), certificate.ExportCertificatePem() + "\n");
        File.WriteAllText(Path.Combine(_folder, "key.pem"), key.ExportPkcs8PrivateKeyPem());
    }

    [GeneratedRegex(@"Password \(shown once\): (\S+)")]
    private static partial Regex Password();
}
