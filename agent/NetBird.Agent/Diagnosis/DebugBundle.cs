using System.Formats.Tar;
using System.IO.Compression;
using System.Net.NetworkInformation;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using NetBird.Agent.Enrolment;
using NetBird.Agent.Store;

namespace NetBird.Agent.Diagnosis;

/// <summary>Logs and state for whoever helps, with every secret left out: nothing that holds one goes in at all, and what goes in is searched.</summary>
internal static partial class DebugBundle
{
    /// <param name="status">The daemon's status as JSON; holds no secret.</param>
    public static async Task WriteAsync(
        StateDirectory state, string file, string status, IReadOnlyList<Check> checks, TimeProvider time, CancellationToken cancellationToken)
    {
        var secrets = await SecretsAsync(state, cancellationToken).ConfigureAwait(false);
        var output = PrivateFile.Open(file, FileMode.CreateNew);
        await using (output.ConfigureAwait(false))
        {
            var zip = new GZipStream(output, CompressionLevel.Optimal);
            await using (zip.ConfigureAwait(false))
            {
                using var tar = new TarWriter(zip, TarEntryFormat.Pax);
                await AddAsync("about.txt", About(time)).ConfigureAwait(false);
                await AddAsync("status.json", status).ConfigureAwait(false);
                await AddAsync("doctor.json", JsonSerializer.Serialize(checks, DiagnosisJson.Default.IReadOnlyListCheck)).ConfigureAwait(false);
                await AddAsync("network.txt", Network()).ConfigureAwait(false);
                await AddAsync("variables.txt", Variables()).ConfigureAwait(false);
                await AddAsync("files.txt", Files(state)).ConfigureAwait(false);
                foreach (var log in new[] { state.LogFile + ".1", state.LogFile })
                {
                    if (File.Exists(log))
                    {
                        using var reader = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
                        await AddAsync(Path.GetFileName(log), await reader.ReadToEndAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
                    }
                }

                async Task AddAsync(string name, string text)
                    => await tar.WriteEntryAsync(
                        new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(Redact(text, secrets))) },
                        cancellationToken).ConfigureAwait(false);
            }
        }
    }

    internal static string Redact(string text, IReadOnlyList<string> secrets)
    {
        foreach (var secret in secrets)
        {
            text = text.Replace(secret, "[left out]", StringComparison.Ordinal);
        }

        return SecretPattern().Replace(text, "[left out]");
    }

    private static async Task<IReadOnlyList<string>> SecretsAsync(StateDirectory state, CancellationToken cancellationToken)
        => File.Exists(state.PrivateKeyFile)
            ? [(await File.ReadAllTextAsync(state.PrivateKeyFile, cancellationToken).ConfigureAwait(false)).Trim()]
            : [];

    private static string About(TimeProvider time)
        => $"netbird-agent {MachineFacts.AgentVersion}\n{RuntimeInformation.OSDescription} {RuntimeInformation.OSArchitecture}\n{RuntimeInformation.FrameworkDescription}\n{time.GetUtcNow():O}\n";

    private static string Network()
        => string.Join('\n', NetworkInterface.GetAllNetworkInterfaces().Select(nic =>
            $"{nic.Name} {nic.OperationalStatus} {string.Join(' ', nic.GetIPProperties().UnicastAddresses.Select(a => a.Address.ToString()))}")) + "\n";

    /// <summary>What this shell sets of ours, of Claude Code's and of proxies: by name, since many of the values are secrets.</summary>
    private static string Variables()
        => string.Join('\n', Environment.GetEnvironmentVariables().Keys.Cast<string>()
            .Where(name => name.StartsWith("NETBIRD_AGENT_", StringComparison.Ordinal) || name.StartsWith("ANTHROPIC_", StringComparison.Ordinal)
                || name.StartsWith("CLAUDE", StringComparison.Ordinal) || name.EndsWith("_PROXY", StringComparison.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal)) + "\n";

    private static string Files(StateDirectory state)
        => Directory.Exists(state.Path)
            ? string.Join('\n', new DirectoryInfo(state.Path).EnumerateFileSystemInfos().Select(entry =>
                $"{(OperatingSystem.IsWindows() ? "" : entry.UnixFileMode.ToString())} {(entry as FileInfo)?.Length ?? 0} {entry.Name}")) + "\n"
            : "no state directory\n";

    /// <summary>Tokens by their looks: JWTs, provider keys, our own tokens, bearer headers, query parameters of a login.</summary>
    [GeneratedRegex(@"eyJ[\w-]{10,}\.[\w-]+\.[\w-]*|sk-ant-[\w-]+|nbp_\w+|nbs_\w+|(?<=[Bb]earer )\S+|(?<=[?&](code|state|id_token|refresh_token|user_code)=)[^&\s]+")]
    private static partial Regex SecretPattern();
}
