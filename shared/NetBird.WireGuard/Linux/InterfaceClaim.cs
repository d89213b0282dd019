using System.Runtime.Versioning;

namespace NetBird.WireGuard.Linux;

/// <summary>
/// This process's claim to an interface name in the machine's own namespace. The kernel drops it however the
/// process ends, so an interface with our mark whose name can be claimed was left behind by a dead one.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class InterfaceClaim : IDisposable
{
    /// <summary>
    /// Ours, "NBAG" in ASCII: the IFLA_GROUP that our kernel interfaces carry from the moment they exist.
    /// Nothing else that is set atomically with creation survives the process and can be read back.
    /// </summary>
    public const uint Mark = 0x4E424147;

    private const string Folder = "/run/netbird-agent";

    private readonly FileStream _file;

    private InterfaceClaim(FileStream file) => _file = file;

    /// <summary>Claims a name in the calling thread's namespace.</summary>
    /// <exception cref="TunnelException">A living process of ours has it, or /run cannot be written.</exception>
    public static InterfaceClaim Take(string interfaceName)
    {
        try
        {
            Directory.CreateDirectory(Folder);

            // FileShare.None is flock(LOCK_EX | LOCK_NB) here. The file itself stays: removing it would race
            // with the next claim.
            return new InterfaceClaim(new FileStream(
                Path.Combine(Folder, $"{interfaceName}@{NamespaceNumber()}.lock"),
                new FileStreamOptions
                {
                    Mode = FileMode.OpenOrCreate,
                    Access = FileAccess.ReadWrite,
                    Share = FileShare.None,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                }));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new TunnelException($"This process may not write to {Folder}: run it as root.", e)
            {
                Obstacle = TunnelObstacle.NotPermitted,
            };
        }
        catch (IOException e)
        {
            throw new TunnelException(
                $"Another process of ours runs the interface {interfaceName}: stop it, or choose another name.", e);
        }
    }

    public void Dispose() => _file.Dispose();

    // "net:[4026531840]": names repeat between namespaces, these numbers do not.
    private static string NamespaceNumber()
        => string.Concat(Path.GetFileName(new FileInfo("/proc/thread-self/ns/net").LinkTarget ?? "").Where(char.IsAsciiDigit));
}
