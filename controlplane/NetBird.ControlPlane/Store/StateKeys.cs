using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store.LiteDb;

namespace NetBird.ControlPlane.Store;

/// <summary>The keys in <c>STATE/keys</c> (mode 0700, files 0600): what seals secrets and what signs the audit log.</summary>
internal static class StateKeys
{
    private const string Application = "netbird-controlplane";
    private const int AuditKeyBytes = 32;

    /// <summary>The key ring that seals provider keys, cookies and second factors.</summary>
    public static IDataProtectionProvider Protection(string stateDirectory)
        => DataProtectionProvider.Create(Folder(stateDirectory), builder => builder.SetApplicationName(Application));

    /// <summary>The audit log's chain, keyed with a secret made at the first start.</summary>
    /// <exception cref="InvalidDataException">The secret is damaged.</exception>
    public static AuditChain AuditChain(string stateDirectory)
    {
        var path = Path.Combine(Folder(stateDirectory).FullName, "audit.key");
        if (!File.Exists(path))
        {
            using var file = LiteDbFile.CreatePrivate(path);
            file.Write(RandomNumberGenerator.GetBytes(AuditKeyBytes));
            file.Flush(flushToDisk: true);
        }

        var key = File.ReadAllBytes(path);
        return key.Length == AuditKeyBytes
            ? new(key)
            : throw new InvalidDataException($"{path} is damaged: it has {key.Length} bytes instead of {AuditKeyBytes}.");
    }

    private static DirectoryInfo Folder(string stateDirectory)
    {
        var path = Path.Combine(stateDirectory, "keys");
        return OperatingSystem.IsWindows()
            ? Directory.CreateDirectory(path)
            : Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
