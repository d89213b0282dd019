namespace EndToEnd.Tests;

/// <summary>One world for the tests of a class. They run one after another and leave its policy as they found it.</summary>
public sealed class WorldFixture : IAsyncLifetime
{
    private World? _world;

    internal World World => _world ?? throw new InvalidOperationException("The world is not up.");

    public async Task InitializeAsync() => _world = await World.StartAsync();

    public async Task DisposeAsync()
    {
        if (_world is not null)
        {
            await _world.DisposeAsync();
        }
    }
}
