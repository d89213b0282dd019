using NetBird.Agent.Enrolment;
using NetBird.Agent.Store;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Cli;

/// <summary>
/// A service that enrols by itself, with the key that an administrator put on the machine. The network, the control plane
/// or the key may come later than the service: it tries until it is connected, and reads the file anew each time.
/// </summary>
internal static class MachineEnrolment
{
    /// <returns>Always <see cref="ExitCode.Done"/>: a machine that cannot enrol yet keeps its daemon, which says so.</returns>
    public static async Task<int> RunAsync(StateDirectory state, string keyFile, Func<string, UpRequest> request, CancellationToken cancellationToken)
    {
        var wait = new Backoff(TimeProvider.System) { Late = TimeSpan.FromMinutes(1) };
        try
        {
            while (await KeyAsync(keyFile, cancellationToken).ConfigureAwait(false) is { Length: > 0 } key
                && !await TryAsync(state, request(key), cancellationToken).ConfigureAwait(false))
            {
                await Task.Delay(wait.Next(), TimeProvider.System, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Shutdown.
        }

        return ExitCode.Done;
    }

    private static async Task<bool> TryAsync(StateDirectory state, UpRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await UpCommand.AskAsync(state, request, login: false, noBrowser: true, cancellationToken).ConfigureAwait(false) == ExitCode.Done;
        }
        catch (DaemonException e)
        {
            Terminal.Message.WriteLine(e.Message);
            return false;
        }
    }

    /// <summary>The key; null where there is none, which is how a person's machine looks.</summary>
    private static async Task<string?> KeyAsync(string file, CancellationToken cancellationToken)
    {
        try
        {
            return File.Exists(file) ? (await File.ReadAllTextAsync(file, cancellationToken).ConfigureAwait(false)).Trim() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Terminal.Message.WriteLine($"The setup key file cannot be read: {e.Message}");
            return null;
        }
    }
}
