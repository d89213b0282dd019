using System.Globalization;
using System.Security.Cryptography;
using LiteDB;
using Microsoft.Extensions.Logging;
using NetBird.Agent.Store.Keyring;

namespace NetBird.Agent.Store;

/// <summary>
/// Settings and enrolment, in LiteDB in the state directory. Reads come from memory; a write that cannot reach the
/// disk is said, kept in memory and tried again, since a full disk must not take the tunnel down.
/// </summary>
internal sealed partial class AgentStore : IDisposable
{
    private const string Id = "agent";
    private const string Collection = "state";

    /// <summary>Ours: what this version writes. A file of a later one is refused, since writing it would lose what that one keeps.</summary>
    private const int Format = 1;

    /// <summary>Ours: soon after somebody made room, and rare enough to cost nothing until then.</summary>
    private static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(15);

    private readonly Lock _gate = new();
    private readonly ILogger<AgentStore> _logger;
    private readonly StateDirectory _state;
    private readonly TokenKeyring _keyring;
    private readonly ITimer _again;
    private readonly TimeProvider _time;
    private AgentSettings _settings;
    private EnrolledPeer? _enrolment;
    private string? _problem;

    private AgentStore(StateDirectory state, BsonDocument document, TokenKeyring keyring, TimeProvider time, ILogger<AgentStore> logger)
    {
        _state = state;
        _keyring = keyring;
        _time = time;
        _logger = logger;
        _again = time.CreateTimer(static store => ((AgentStore)store!).WriteAgain(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
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

    /// <summary>Why the last write did not reach the disk, as a sentence; null when it did.</summary>
    public string? Problem
    {
        get
        {
            lock (_gate)
            {
                return _problem;
            }
        }
    }

    /// <summary>Opens the store. A file that cannot be read is set aside, and the person logs in again.</summary>
    /// <exception cref="StateDirectoryException">A newer version wrote the file; it stays as it is.</exception>
    public static AgentStore Open(StateDirectory state, TokenKeyring keyring, TimeProvider time, ILogger<AgentStore> logger)
    {
        try
        {
            return OpenOnce(state, keyring, time, logger);
        }
        catch (Exception e) when (e is LiteException or InvalidCastException or FormatException or InvalidDataException
            or ArgumentException or IndexOutOfRangeException or NullReferenceException or KeyNotFoundException)
        {
            // LiteDB reports a damaged file in any of these ways, depending on which page is damaged.
            var aside = state.DatabaseFile + string.Create(CultureInfo.InvariantCulture,
                $".damaged-{time.GetUtcNow().ToUnixTimeSeconds()}");
            File.Move(state.DatabaseFile, aside, overwrite: true);
            Log.SetAside(logger, aside, e.GetType().Name);
            return OpenOnce(state, keyring, time, logger);
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

    private void Save(EnrolledPeer? enrolment)
    {
        lock (_gate)
        {
            _enrolment = enrolment;
            WriteLocked();
        }
    }

    public void Dispose()
    {
        _again.Dispose();
        WriteAgain();
        _oneLogin.Dispose();
    }

    private static AgentStore OpenOnce(StateDirectory state, TokenKeyring keyring, TimeProvider time, ILogger<AgentStore> logger)
    {
        using var content = new MemoryStream();
        if (File.Exists(state.DatabaseFile))
        {
            PrivateFile.Touch(state.DatabaseFile);
            using var file = File.OpenRead(state.DatabaseFile);
            file.CopyTo(content);
        }

        using var database = InMemory(content);
        var document = database.GetCollection(Collection).FindById(Id) ?? [];
        if (document["format"] is { IsInt32: true } format && format.AsInt32 > Format)
        {
            throw new StateDirectoryException(
                $"{state.DatabaseFile} was written by a newer version (its format is {format.AsInt32}, this program knows {Format}). "
                + "Install that version again, or use another folder: --state-dir DIR. Nothing was changed.");
        }

        return new AgentStore(state, document, keyring, time, logger);
    }

    /// <summary>
    /// LiteDB only ever sees memory; the file is read and replaced as a whole. Its writer is a task of its own
    /// (DiskWriterQueue), and when that fails, say on a full disk, whoever waits for it in a commit, a checkpoint or
    /// Dispose waits for ever. One small document, written a few times a day, loses nothing by it, and the file on disk
    /// is at every moment either the old or the new one.
    /// </summary>
    private static LiteDatabase InMemory(MemoryStream content) => new(content, mapper: null, logStream: new MemoryStream());

    private static AgentSettings ReadSettings(BsonDocument document)
    {
        var defaults = new AgentSettings();
        return new AgentSettings
        {
            ManagementUrl = Text(document, "management_url"),
            Endpoint = Text(document, "endpoint") ?? defaults.Endpoint,
            HttpsEndpoint = Text(document, "https_endpoint") ?? defaults.HttpsEndpoint,
            Owner = Text(document, "owner") is { } owner ? new AccountId(owner) : document["owner_uid"] is { IsInt64: true } uid ? AccountId.OfUid((uint)uid.AsInt64) : null,
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
                TokenInKeyring = document["refresh_token_in_keyring"] is { IsBoolean: true } apart && apart.AsBoolean,
            }
            : null;

    private static string? Text(BsonDocument document, string name)
        => document[name] is { IsString: true } value ? value.AsString : null;

    private void WriteLocked()
    {
        var document = new BsonDocument
        {
            ["_id"] = Id,
            ["format"] = Format,
            ["management_url"] = _settings.ManagementUrl,
            ["endpoint"] = _settings.Endpoint,
            ["https_endpoint"] = _settings.HttpsEndpoint,
            ["owner"] = _settings.Owner is { } owner ? owner.Text : BsonValue.Null,
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
            document["refresh_token"] = enrolment.TokenInKeyring ? BsonValue.Null : enrolment.RefreshToken;
            document["refresh_token_in_keyring"] = enrolment.TokenInKeyring;
        }

        try
        {
            using var content = new MemoryStream();
            using (var database = InMemory(content))
            {
                database.GetCollection(Collection).Insert(document);
                database.Checkpoint();
            }

            ReplaceFile(content.ToArray());
            if (_problem is not null)
            {
                _problem = null;
                Log.WrittenAfterAll(_logger);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (_problem is null)
            {
                Log.NotWritten(_logger, e.Message);
            }

            _problem = $"The state is only in memory, since {_state.DatabaseFile} cannot be written ({e.Message.TrimEnd('.')}). Make room or mend the disk before the agent stops.";
            _again.Change(TryAgain, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>
    /// A full disk comes when nobody looks, and what is written here may be the only refresh token there is. So room for one more copy is
    /// held in a file of its own, and given up for it.
    /// </summary>
    private void ReplaceFile(byte[] content)
    {
        try
        {
            PrivateFile.Replace(_state.DatabaseFile, content);
        }
        catch (IOException) when (File.Exists(_state.ReserveFile))
        {
            File.Delete(_state.ReserveFile);
            PrivateFile.Replace(_state.DatabaseFile, content);
        }

        try
        {
            if (!File.Exists(_state.ReserveFile) || new FileInfo(_state.ReserveFile).Length < content.Length)
            {
                // Random, since some file systems keep zeros in no space at all.
                PrivateFile.Replace(_state.ReserveFile, RandomNumberGenerator.GetBytes(content.Length));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No room for it now; the next write tries again.
        }
    }

    private void WriteAgain()
    {
        lock (_gate)
        {
            if (_problem is not null)
            {
                WriteLocked();
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Store + 1, LogLevel.Warning,
            "The state file cannot be read ({Reason}); it is kept as {Aside}, and this machine logs in again")]
        public static partial void SetAside(ILogger logger, string aside, string reason);

        [LoggerMessage(EventIds.Store + 2, LogLevel.Error, "The state is not written to disk: {Reason}")]
        public static partial void NotWritten(ILogger logger, string reason);

        [LoggerMessage(EventIds.Store + 3, LogLevel.Information, "The state is written to disk again")]
        public static partial void WrittenAfterAll(ILogger logger);
    }
}
