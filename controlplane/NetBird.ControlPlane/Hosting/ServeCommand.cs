using System.CommandLine;
using NetBird.CommandLine;
using NetBird.ControlPlane.Cli;
using NetBird.ControlPlane.Forms;
using NetBird.WireGuard.Linux;

namespace NetBird.ControlPlane.Hosting;

/// <summary><c>netbird-controlplane serve</c>: options, their environment variables, and the run.</summary>
internal static class ServeCommand
{
    private const string Prefix = "NETBIRD_CP_";

    private static readonly (string Name, string Value, string Help)[] Settings =
    [
        ("state-dir", "DIR", "Where everything that must survive is kept. Default: /var/lib/netbird-controlplane, for a user the state home"),
        ("http", "ADDR:PORT", "REST, gRPC, dashboard and embedded IdP. Default 127.0.0.1:8080; not loopback needs TLS"),
        ("tls-cert", "FILE", "PEM certificate chain, read again when it changes"),
        ("tls-key", "FILE", "PEM private key"),
        ("public-url", "URL", "What people and agents use. Default: from --http and the certificate's name"),
        ("wireguard-port", "PORT", "UDP port of the tunnel. Default 51820; 0 takes a free one"),
        ("wireguard-endpoint", "HOST:PORT", "What agents dial. Default: the host they reached us by"),
        ("overlay", "CIDR", "Overlay addresses; the gateway has the first. Default 100.64.0.0/16"),
        ("tunnel", "KIND", "auto, kernel, userspace, rootless, or external: an interface that another program runs, such as wireguard-go. Default auto"),
        ("tunnel-namespace", "WHERE", "own or host: whose network namespace the interface lives in. Default own; with external host, or a file such as /run/netns/NAME"),
        ("tunnel-interface", "NAME", "With --tunnel external: the interface, which is set up over /var/run/wireguard/NAME.sock"),
        ("postgres", "CONNSTRING", "PostgreSQL in place of LiteDB. Better given by environment: arguments are visible to other users"),
        ("cluster-key", "FILE", "Key that seals every other secret; several nodes share one. Default: keys/cluster.key in the state directory, made if missing"),
        ("audit-file", "FILE", "The audit log as a file too, a JSON object a line, for a collector; moved to FILE.1 ... FILE.9 at 64 MiB"),
        ("oidc-issuer", "URL", "The company's IdP in place of the embedded one"),
        ("oidc-client-id", "ID", "Our client at that IdP"),
        ("oidc-groups-claim", "CLAIM", "Claim with a person's groups. Default groups"),
        ("oidc-client-secret-file", "FILE", "File with the client's secret, where web sign-in at that IdP needs one"),
        ("oidc-directory", "WHICH", "entra or google: where groups are asked for that the IdP's token leaves out"),
        ("oidc-directory-url", "URL", "Its address, where it is not the provider's usual one"),
        ("oidc-directory-credentials", "FILE", "Google: the service account's JSON file. Entra ID uses the client's secret"),
        ("oidc-directory-admin", "EMAIL", "Google: the administrator whom the service account stands in for"),
        ("roles", "ROLES", "management, gateway or both. Default management,gateway; one of them alone needs --postgres"),
        ("otlp-endpoint", "URL", "OpenTelemetry collector that metrics are sent to by OTLP over HTTP, such as http://127.0.0.1:4318"),
        ("log-level", "LEVEL", "The least that is logged: trace, debug, information, warning or error. Default information"),
        ("log-format", "FORMAT", "text, or json: an object a line for a collector. To standard error either way. Default text"),
        ("drain-seconds", "SECONDS", "How long requests in flight may go on after SIGTERM. Default 4"),
    ];

    public static Command Create()
    {
        var command = new Command("serve", "Runs the control plane until Ctrl-C or SIGTERM.");
        var options = new Dictionary<string, Option<string?>>(StringComparer.Ordinal);
        foreach (var (name, value, help) in Settings)
        {
            options[name] = new Option<string?>("--" + name)
            {
                Description = $"{help} [{EnvironmentName(name)}]",
                HelpName = value,
            };
            command.Add(options[name]);
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var reader = new ServeOptionsReader(name => parsed.GetValue(options[name]) ?? FromEnvironment(name));
            var settings = reader.Read();
            List<string> errors = [.. reader.Errors, .. Misspelt()];
            if (settings is not null && errors.Count == 0)
            {
                ProcessHardening.Apply();
                return await ControlPlaneServer.RunAsync(settings, cancellationToken);
            }

            foreach (var error in errors)
            {
                await Console.Error.WriteLineAsync($"netbird-controlplane: {error}");
            }

            return ExitCode.WrongUsage;
        });
        return command;
    }

    /// <summary>Variables with our prefix that nothing reads: one that is misspelt would leave the default in force, unseen.</summary>
    private static IEnumerable<string> Misspelt()
    {
        string[] known = [.. Settings.Select(setting => EnvironmentName(setting.Name)), .. Connection.Variables.Select(name => Prefix + name)];
        return Environment.GetEnvironmentVariables().Keys.Cast<string>()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal) && !known.Contains(name))
            .Order(StringComparer.Ordinal)
            .Select(name => $"The environment has {name}, which is no setting.{(Spelling.Closest(name, known) is { } meant ? $" Did you mean {meant}?" : " 'serve --help' lists them.")}");
    }

    private static string? FromEnvironment(string name)
        => Environment.GetEnvironmentVariable(EnvironmentName(name)) is { Length: > 0 } value ? value : null;

    private static string EnvironmentName(string name) => Prefix + name.Replace('-', '_').ToUpperInvariant();
}
