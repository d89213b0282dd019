using System.Text.Json;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Store;

/// <summary>A kind of record: its name in the store and its form there.</summary>
internal abstract class DocumentKind(string name)
{
    /// <summary>In the store and in the audit log. Stored: never changes.</summary>
    public string Name { get; } = name;

    /// <summary>Reads one stored document into the configuration that is being loaded; one without content is gone.</summary>
    /// <exception cref="InvalidDataException">It cannot be read.</exception>
    public abstract void Load(ConfigurationDraft into, StoredDocument document);
}

/// <inheritdoc cref="DocumentKind"/>
internal sealed class DocumentKind<TId, T>(string name, Func<ConfigurationDraft, DraftTable<TId, T>> table)
    : DocumentKind(name)
    where TId : struct, IIdentifier<TId>
    where T : class, IDocument<TId>
{
    public override void Load(ConfigurationDraft into, StoredDocument document)
    {
        if (document.Json is null)
        {
            if (TId.TryParse(document.Id, out var gone))
            {
                table(into).Unload(gone);
            }

            return;
        }

        table(into).Load(JsonSerializer.Deserialize<T>(document.Json, StoreJson.Options)
            ?? throw new InvalidDataException($"A stored {Name} is empty."));
    }
}
