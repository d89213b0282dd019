using System.Globalization;
using LiteDB;
using Microsoft.Extensions.Logging;

namespace NetBird.Agent.Store;

/// <summary>
/// Settings and enrolment, in LiteDB in the state directory. Reads come from memory; a write that cannot reach the
/// disk is logged and kept in memory, since a full disk must not take the tunnel down.
/// </summary>
internal sealed partial class AgentStore
{
    private const string Id = "agent";
    private const string Collection = "state";

    private readonly Lock _gate = new();
    private readonly ILogger<AgentStore> _logger;
    private readonly StateDirectory _state;
    private AgentSettings _settings;
    private EnrolledPeer? _enrolment;

    private AgentStore(StateDirectory state, BsonDocument document, ILogger<AgentStore> logger)
    {
        _state = state;
        _logger = logger;
        _settings = ReadSettings(document);
        _enrolment = ReadEnrolment(document);
    }

    public AgentSettings Settings
    {
        get
        {
            lock (_gate)
            {
                return _settings;
            }
        }
    }

    public EnrolledPeer? Enrolment
    {
        get
        {
            lock (_gate)
            {
                return _enrolment;
            }
        }
    }

    /// <summary>Opens the store. A file that cannot be read is set aside, and the person logs in again.</summary>
    public static AgentStore Open(StateDirectory state, TimeProvider time, ILogger<AgentStore> logger)
    {
        try
        {
            return OpenOnce(state, logger);
        }
        catch (Exception e) when (e is LiteException or InvalidCastException or FormatException or InvalidDataException
            or ArgumentException or IndexOutOfRangeException or NullReferenceException or KeyNotFoundException)
        {
            // LiteDB reports a damaged file in any of these ways, depending on which page is damaged.
            var aside = state.DatabaseFile + string.Create(CultureInfo.InvariantCulture,
                $".damaged-{time.GetUtcNow().ToUnixTimeSeconds()}");
            File.Move(state.DatabaseFile, aside, overwrite: true);
            File.Delete(JournalOf(state));
            Log.SetAside(logger, aside, e.GetType().Name);
            return OpenOnce(state, logger);
        }
    }

    public void Save(AgentSettings settings)
    {
        lock (_gate)
        {
            _settings = settings;
            WriteLocked();
        }
    }

    /// <summary>Keeps the enrolment, or forgets it when null.</summary>
    public void Save(EnrolledPeer? enrolment)
    {
        lock (_gate)
        {
            _enrolment = enrolment;
            WriteLocked();
        }
    }

    private static AgentStore OpenOnce(StateDirectory state, ILogger<AgentStore> logger)
    {
        using var database = Database(state);
        return new AgentStore(state, database.GetCollection(Collection).FindById(Id) ?? [], logger);
    }

    /// <summary>
    /// Opened for one read or write: they are rare, its caches are worth megabytes, and an engine that met a full disk
    /// stays closed.
    /// </summary>
    private static LiteDatabase Database(StateDirectory state)
    {
        PrivateFile.Touch(state.DatabaseFile);
        PrivateFile.Touch(JournalOf(state));
        return new LiteDatabase(new ConnectionString { Filename = state.DatabaseFile, Connection = ConnectionType.Direct });
    }

    /// <summary>LiteDB's write-ahead log: the data file's name with "-log" before the extension.</summary>
    private static string JournalOf(StateDirectory state)
        => Path.ChangeExtension(state.DatabaseFile, null) + "-log" + Path.GetExtension(state.DatabaseFile);

    private static AgentSettings ReadSettings(BsonDocument document)
    {
        var defaults = new AgentSettings();
        return new AgentSettings
        {
            ManagementUrl = Text(document, "management_url"),
            Endpoint = Text(document, "endpoint") ?? defaults.Endpoint,
            Tunnel = Text(document, "tunnel") ?? defaults.Tunnel,
            TunnelNamespace = Text(document, "tunnel_namespace") ?? defaults.TunnelNamespace,
            WantUp = document["want_up"] is { IsBoolean: true } wanted && wanted.AsBoolean,
        };
    }

    private static EnrolledPeer? ReadEnrolment(BsonDocument document)
        => Text(document, "peer_id") is { } peer
            ? new EnrolledPeer
            {
                PeerId = peer,
                UserName = Text(document, "user_name") ?? "",
                UserEmail = Text(document, "user_email") ?? "",
                LoginExpiresAt = document["login_expires_at"] is { IsInt64: true } at
                    ? DateTimeOffset.FromUnixTimeSeconds(at.AsInt64)
                    : null,
                Issuer = Text(document, "issuer"),
                ClientId = Text(document, "client_id"),
                Scope = Text(document, "scope"),
                RefreshToken = Text(document, "refresh_token"),
            }
            : null;

    private static string? Text(BsonDocument document, string name)
        => document[name] is { IsString: true } value ? value.AsString : null;

    private void WriteLocked()
    {
        var document = new BsonDocument
        {
            ["_id"] = Id,
            ["management_url"] = _settings.ManagementUrl,
            ["endpoint"] = _settings.Endpoint,
            ["tunnel"] = _settings.Tunnel,
            ["tunnel_namespace"] = _settings.TunnelNamespace,
            ["want_up"] = _settings.WantUp,
        };
        if (_enrolment is { } enrolment)
        {
            document["peer_id"] = enrolment.PeerId;
            document["user_name"] = enrolment.UserName;
            document["user_email"] = enrolment.UserEmail;
            document["login_expires_at"] = enrolment.LoginExpiresAt is { } at ? at.ToUnixTimeSeconds() : BsonValue.Null;
            document["issuer"] = enrolment.Issuer;
            document["client_id"] = enrolment.ClientId;
            document["scope"] = enrolment.Scope;
            document["refresh_token"] = enrolment.RefreshToken;
        }

        try
        {
            using var database = Database(_state);
            database.GetCollection(Collection).Upsert(document);
            database.Checkpoint();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // LiteDB reports a full disk in several ways, also from its own cleaning up. Memory has the values.
            Log.NotWritten(_logger, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Store + 1, LogLevel.Warning,
            "The state file cannot be read ({Reason}); it is kept as {Aside}, and this machine logs in again")]
        public static partial void SetAside(ILogger logger, string aside, string reason);

        [LoggerMessage(EventIds.Store + 2, LogLevel.Error, "The state is not written to disk: {Reason}")]
        public static partial void NotWritten(ILogger logger, string reason);
    }
}
