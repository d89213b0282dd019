using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store.Secrets;

namespace NetBird.ControlPlane.Store;

/// <summary>The keys that seal secrets and sign the audit log, out of the shared secrets.</summary>
internal static class StateKeys
{
    private const string Application = "netbird-controlplane";
    private const string AuditKey = "keys/audit.key";
    private const int AuditKeyBytes = 32;

    /// <summary>The key ring that seals provider keys, cookies and second factors.</summary>
    public static IDataProtectionProvider Protection(ISharedSecrets secrets)
    {
        var services = new ServiceCollection();
        services.AddKeyRing(secrets);
        return services.BuildServiceProvider().GetRequiredService<IDataProtectionProvider>();
    }

    /// <summary>The same ring for what the framework protects by itself; without it, it would make one of its own beside.</summary>
    public static void AddKeyRing(this IServiceCollection services, ISharedSecrets secrets)
    {
        services.AddDataProtection().SetApplicationName(Application);
        services.Configure<KeyManagementOptions>(ring => ring.XmlRepository = new KeyRingRepository(secrets));
    }

    /// <summary>The audit log's chain, keyed with a secret made at the first start.</summary>
    /// <exception cref="InvalidDataException">The secret is damaged.</exception>
    public static AuditChain AuditChain(ISharedSecrets secrets)
    {
        var key = secrets.GetOrAdd(AuditKey, () => RandomNumberGenerator.GetBytes(AuditKeyBytes));
        return key.Length == AuditKeyBytes
            ? new(key)
            : throw new InvalidDataException($"{AuditKey} is damaged: it has {key.Length} bytes instead of {AuditKeyBytes}.");
    }
}
