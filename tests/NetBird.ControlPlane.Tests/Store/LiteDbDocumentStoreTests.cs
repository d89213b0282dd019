using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Store.LiteDb;

namespace NetBird.ControlPlane.Tests.Store;

public sealed class LiteDbDocumentStoreTests : DocumentStoreContract, IDisposable
{
    private readonly TemporaryState _state = new();

    public void Dispose() => _state.Dispose();

    internal override IDocumentStore Create(string place) => new LiteDbDocumentStore(place);

    protected override Task<string> PlaceAsync() => Task.FromResult(Path.Combine(_state.Path, "contract.db"));
}
