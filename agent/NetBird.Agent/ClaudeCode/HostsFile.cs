using System.Net;
using System.Net.Sockets;
using System.Text;

namespace NetBird.Agent.ClaudeCode;

/// <summary>
/// The line of the hosts file that leads the account's endpoint name to this machine's loopback (hosts(5)). Changed in
/// place: in containers the file is a mount, which cannot be replaced.
/// </summary>
internal static class HostsFile
{
    private const string Mark = "# netbird-agent";

    public static string Path { get; } = OperatingSystem.IsWindows()
        ? System.IO.Path.Combine(Environment.SystemDirectory, "drivers", "etc", "hosts")
        : "/etc/hosts";

    public static string LineFor(string name, string address) => $"{address} {name} {Mark}";

    /// <summary>Whether the name already leads there and nowhere else, by whatever the machine asks.</summary>
    public static async Task<bool> LeadsToAsync(string name, string address, CancellationToken cancellationToken)
    {
        try
        {
            var found = await Dns.GetHostAddressesAsync(name, cancellationToken).ConfigureAwait(false);
            return found.Length != 0 && found.All(one => one.Equals(IPAddress.Parse(address)));
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Puts our line in, in place of an older one of ours.</summary>
    /// <returns>False when this account may not.</returns>
    public static bool TryPut(string name, string address)
        => TryChange(text => Without(text) is var rest && rest.Length != 0 && !rest.EndsWith('\n')
            ? rest + "\n" + LineFor(name, address) + "\n"
            : Without(text) + LineFor(name, address) + "\n");

    /// <summary>Takes our line out.</summary>
    /// <returns>False when there is one and this account may not change the file.</returns>
    public static bool TryRemove() => !File.Exists(Path) || !File.ReadAllText(Path).Contains(Mark, StringComparison.Ordinal) || TryChange(Without);

    private static bool TryChange(Func<string, string> change)
    {
        try
        {
            using var file = new FileStream(Path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
            using var reader = new StreamReader(file, leaveOpen: true);
            var text = Encoding.UTF8.GetBytes(change(reader.ReadToEnd()));
            file.Position = 0;
            file.Write(text);
            file.SetLength(text.Length);
            return true;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            return false;
        }
    }

    private static string Without(string text)
        => string.Concat(text.Split('\n').Where(line => !line.TrimEnd().EndsWith(Mark, StringComparison.Ordinal)).Select((line, i) => i == 0 ? line : "\n" + line));
}
