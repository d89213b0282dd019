using NetBird.ControlPlane.Identity.Embedded.Issued;

namespace NetBird.ControlPlane.Tests.Identity;

public sealed class LiteDbIssuedRecordsTests : IssuedRecordsContract, IDisposable
{
    private readonly TemporaryState _state = new();
    private IssuedDatabase? _database;

    public void Dispose()
    {
        _database?.Dispose();
        _state.Dispose();
    }

    internal override Task<IIssuedRecords<IssuedToken>> OpenAsync()
    {
        _database = new(Path.Combine(_state.Path, "identity.db"));
        return Task.FromResult<IIssuedRecords<IssuedToken>>(new LiteDbIssuedRecords<IssuedToken>(_database, "tokens"));
    }
}
