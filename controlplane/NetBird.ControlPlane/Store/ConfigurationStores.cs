using NetBird.ControlPlane.Store.LiteDb;

namespace NetBird.ControlPlane.Store;

/// <summary>Opens the store that the settings ask for.</summary>
internal static class ConfigurationStores
{
    /// <summary>File of the embedded store in the state directory.</summary>
    public const string LiteDbFileName = "config.db";

    /// <param name="stateDirectory">Exists and is ours.</param>
    /// <param name="time">Clock of the audit log.</param>
    /// <param name="logging">Where the store logs.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StateVersionException">A newer version of this program wrote the store.</exception>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static Task<ConfigurationStore> OpenAsync(
        string stateDirectory, TimeProvider time, ILoggerFactory logging, CancellationToken cancellationToken)
        => ConfigurationStore.OpenAsync(
            new LiteDbDocumentStore(Path.Combine(stateDirectory, LiteDbFileName)),
            StateKeys.AuditChain(stateDirectory),
            time,
            logging.CreateLogger<ConfigurationStore>(),
            cancellationToken);
}
