namespace NetBird.ControlPlane.Hosting;

/// <summary>A host that starts and stops when the command says so, and installs no signal handlers of its own.</summary>
internal sealed class CommandLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
