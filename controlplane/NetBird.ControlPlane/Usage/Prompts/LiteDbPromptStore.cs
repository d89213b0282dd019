using System.Collections.Immutable;
using LiteDB;
using NetBird.ControlPlane.Store.LiteDb;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage.Prompts;

/// <summary>Prompts of a control plane that is one process, in <c>prompts.db</c>.</summary>
internal sealed class LiteDbPromptStore : IPromptStore, IDisposable
{
    public const string FileName = "prompts.db";

    private readonly GuardedLiteDb _file;

    private LiteDbPromptStore(GuardedLiteDb file)
    {
        _file = file;
        Prompts.EnsureIndex("at");
    }

    private ILiteCollection<BsonDocument> Prompts => _file.Database.GetCollection("prompts");

    /// <exception cref="IOException">Another process holds the file, or it is damaged.</exception>
    public static LiteDbPromptStore Open(string path) => new(GuardedLiteDb.Open(path));

    public ValueTask AddAsync(SealedPrompt prompt, CancellationToken cancellationToken)
    {
        LiteDbFile.RefuseIfFull(_file.Path, prompt.Sealed.Length);
        _file.Run(() => Prompts.Upsert(new BsonDocument
        {
            ["_id"] = prompt.Request.Value, ["at"] = prompt.At.UtcTicks, ["user"] = prompt.User.Value, ["sealed"] = prompt.Sealed,
        }));
        return default;
    }

    public ValueTask<SealedPrompt?> FindAsync(RequestId request, CancellationToken cancellationToken)
        => new(_file.Run(() => Prompts.FindById(request.Value) is { } found ? Of(found, found["sealed"].AsBinary) : null));

    public ValueTask<ImmutableArray<SealedPrompt>> ListAsync(UserId? user, int most, CancellationToken cancellationToken)
        => new(_file.Run(() => Prompts.Query().OrderByDescending("at").ToEnumerable()
            .Where(prompt => user is null || prompt["user"].AsString == user.Value.Value)
            .Take(most).Select(prompt => Of(prompt, [])).ToImmutableArray()));

    public ValueTask<long> DropAsync(DateTimeOffset before, CancellationToken cancellationToken)
        => new(_file.Run(() => (long)Prompts.DeleteMany(Query.LT("at", before.UtcTicks))));

    /// <summary>Every prompt there is.</summary>
    public IEnumerable<SealedPrompt> All() => Prompts.FindAll().Select(prompt => Of(prompt, prompt["sealed"].AsBinary));

    public void Dispose() => _file.Dispose();

    private static SealedPrompt Of(BsonDocument prompt, byte[] content)
        => new(new(prompt["_id"].AsString), new(prompt["at"].AsInt64, TimeSpan.Zero), new(prompt["user"].AsString), content);
}
