using System.Text;
using Tmds.DBus.Protocol;

namespace NetBird.Agent.Store.Keyring;

/// <summary>
/// One conversation with the person's keyring over the session bus (freedesktop.org Secret Service API 0.2; GNOME
/// Keyring, KWallet and KeePassXC speak it). Only a default collection that is unlocked is used: a daemon has nobody to
/// ask for a password. Secrets cross by the "plain" algorithm, over a socket of this person's own.
/// </summary>
internal sealed class SecretService : IDisposable
{
    private const string Service = "org.freedesktop.secrets";
    private const string Root = "/org/freedesktop/secrets";
    private const string ServiceInterface = "org.freedesktop.Secret.Service";
    private const string CollectionInterface = "org.freedesktop.Secret.Collection";
    private const string ItemInterface = "org.freedesktop.Secret.Item";

    /// <summary>The path that stands for none.</summary>
    private const string Nothing = "/";

    private readonly DBusConnection _bus;
    private readonly string _session;
    private readonly string _collection;

    private SecretService(DBusConnection bus, string session, string collection)
    {
        _bus = bus;
        _session = session;
        _collection = collection;
    }

    /// <summary>Null where there is no keyring, or it is locked.</summary>
    /// <exception cref="DBusExceptionBase">The bus or the keyring ended the conversation.</exception>
    public static async Task<SecretService?> OpenAsync(string busAddress)
    {
        var bus = new DBusConnection(busAddress);
        try
        {
            await bus.ConnectAsync().ConfigureAwait(false);
            var session = await bus.CallMethodAsync(OpenSession(bus), static (message, _) =>
            {
                var reader = message.GetBodyReader();
                reader.ReadVariantValue();
                return reader.ReadObjectPathAsString();
            }).ConfigureAwait(false);
            var collection = await bus.CallMethodAsync(ReadDefault(bus), static (message, _) => message.GetBodyReader().ReadObjectPathAsString()).ConfigureAwait(false);
            if (collection == Nothing || await bus.CallMethodAsync(IsLocked(bus, collection), static (message, _) => message.GetBodyReader().ReadVariantValue().GetBool()).ConfigureAwait(false))
            {
                bus.Dispose();
                return null;
            }

            return new SecretService(bus, session, collection);
        }
        catch
        {
            bus.Dispose();
            throw;
        }
    }

    /// <summary>Keeps the secret in place of whatever these attributes named before; false when the keyring wants to ask somebody.</summary>
    public async Task<bool> KeepAsync(string label, IReadOnlyDictionary<string, string> attributes, string secret)
    {
        var (item, prompt) = await _bus.CallMethodAsync(CreateItem(label, attributes, secret), static (message, _) =>
        {
            var reader = message.GetBodyReader();
            return (reader.ReadObjectPathAsString(), reader.ReadObjectPathAsString());
        }).ConfigureAwait(false);
        return item != Nothing && prompt == Nothing;
    }

    /// <summary>The secret of these attributes; null when there is none.</summary>
    public async Task<string?> FindAsync(IReadOnlyDictionary<string, string> attributes)
    {
        if (await FirstAsync(attributes).ConfigureAwait(false) is not { } item)
        {
            return null;
        }

        return await _bus.CallMethodAsync(GetSecret(item), static (message, _) =>
        {
            // (session o, parameters ay, value ay, content type s)
            var reader = message.GetBodyReader();
            reader.AlignStruct();
            reader.ReadObjectPathAsString();
            reader.ReadArrayOfByte();
            return Encoding.UTF8.GetString(reader.ReadArrayOfByte());
        }).ConfigureAwait(false);
    }

    public async Task ForgetAsync(IReadOnlyDictionary<string, string> attributes)
    {
        if (await FirstAsync(attributes).ConfigureAwait(false) is { } item)
        {
            await _bus.CallMethodAsync(Call(_bus, item, ItemInterface, "Delete", "", static (ref MessageWriter _) => { })).ConfigureAwait(false);
        }
    }

    public void Dispose() => _bus.Dispose();

    private async Task<string?> FirstAsync(IReadOnlyDictionary<string, string> attributes)
        => await _bus.CallMethodAsync(
            Call(_bus, _collection, CollectionInterface, "SearchItems", "a{ss}", (ref MessageWriter writer) => Write(ref writer, attributes)),
            static (message, _) => message.GetBodyReader().ReadArrayOfObjectPath() is [var first, ..] ? first.ToString() : null).ConfigureAwait(false);

    private static MessageBuffer OpenSession(DBusConnection bus)
        => Call(bus, Root, ServiceInterface, "OpenSession", "sv", static (ref MessageWriter writer) =>
        {
            writer.WriteString("plain");
            writer.WriteVariantString("");
        });

    private static MessageBuffer ReadDefault(DBusConnection bus)
        => Call(bus, Root, ServiceInterface, "ReadAlias", "s", static (ref MessageWriter writer) => writer.WriteString("default"));

    private static MessageBuffer IsLocked(DBusConnection bus, string collection)
        => Call(bus, collection, "org.freedesktop.DBus.Properties", "Get", "ss", static (ref MessageWriter writer) =>
        {
            writer.WriteString(CollectionInterface);
            writer.WriteString("Locked");
        });

    private MessageBuffer GetSecret(string item)
        => Call(_bus, item, ItemInterface, "GetSecret", "o", (ref MessageWriter writer) => writer.WriteObjectPath(_session));

    private MessageBuffer CreateItem(string label, IReadOnlyDictionary<string, string> attributes, string secret)
        => Call(_bus, _collection, CollectionInterface, "CreateItem", "a{sv}(oayays)b", (ref MessageWriter writer) =>
        {
            var properties = writer.WriteDictionaryStart();
            writer.WriteDictionaryEntryStart();
            writer.WriteString(ItemInterface + ".Label");
            writer.WriteVariantString(label);
            writer.WriteDictionaryEntryStart();
            writer.WriteString(ItemInterface + ".Attributes");
            writer.WriteSignature("a{ss}");
            Write(ref writer, attributes);
            writer.WriteDictionaryEnd(properties);
            writer.WriteStructureStart();
            writer.WriteObjectPath(_session);
            writer.WriteArray(Array.Empty<byte>());
            writer.WriteArray(Encoding.UTF8.GetBytes(secret));
            writer.WriteString("text/plain");
            writer.WriteBool(true);
        });

    private static void Write(ref MessageWriter writer, IReadOnlyDictionary<string, string> attributes)
    {
        var start = writer.WriteDictionaryStart();
        foreach (var (name, value) in attributes)
        {
            writer.WriteDictionaryEntryStart();
            writer.WriteString(name);
            writer.WriteString(value);
        }

        writer.WriteDictionaryEnd(start);
    }

    private static MessageBuffer Call(DBusConnection bus, string path, string @interface, string member, string signature, WriteBody write)
    {
        var writer = bus.GetMessageWriter();
        try
        {
            writer.WriteMethodCallHeader(Service, path, @interface, member, signature.Length == 0 ? null : signature, MessageFlags.None);
            write(ref writer);
            return writer.CreateMessage();
        }
        finally
        {
            writer.Dispose();
        }
    }

    private delegate void WriteBody(ref MessageWriter writer);
}
