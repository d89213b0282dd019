using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tokens;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>Leaves in the state directory what the other verbs on this machine need: a token once, the address while we run.</summary>
internal sealed class FirstStart(IConfigurationStore store, AdministrationOptions options, TimeProvider time) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken)
        => FirstToken.EnsureAsync(store, options.StateDirectory, time, cancellationToken);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        ServeFile.Write(options.StateDirectory, options.PublicUrl);
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        ServeFile.Remove(options.StateDirectory);
        return Task.CompletedTask;
    }
}
