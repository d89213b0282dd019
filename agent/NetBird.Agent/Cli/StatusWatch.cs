using Grpc.Core;
using NetBird.Protocol.Daemon.V1;
using NetBird.WireGuard.Linux;

namespace NetBird.Agent.Cli;

/// <summary><c>status --watch</c>: told by the daemon at every change; in between only the terminal is drawn anew, for the ages.</summary>
internal static class StatusWatch
{
    private static readonly TimeSpan Redraw = TimeSpan.FromSeconds(1);

    public static async Task<int> RunAsync(DaemonService.DaemonServiceClient client, bool json, bool detail, CancellationToken cancellationToken)
    {
        using var call = client.WatchStatus(new GetStatusRequest(), cancellationToken: cancellationToken);
        var inPlace = !json && Terminal.Draws;
        try
        {
            for (var next = call.ResponseStream.MoveNext(cancellationToken); await next.ConfigureAwait(false);)
            {
                var status = call.ResponseStream.Current;
                next = call.ResponseStream.MoveNext(cancellationToken);
                Show(status, json, detail, inPlace);
                while (await Task.WhenAny(next, Task.Delay(Redraw, TimeProvider.System, cancellationToken)).ConfigureAwait(false) != next)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    if (inPlace)
                    {
                        Show(status, json, detail, inPlace);
                    }
                    else if (OperatingSystem.IsLinux() && StandardOutput.IsAbandoned)
                    {
                        // As for 'status --watch --json | grep -m1 connected': whoever read has what they wanted, and a script waits for us.
                        return ExitCode.Done;
                    }
                }
            }
        }
        catch (Exception e) when (cancellationToken.IsCancellationRequested && e is RpcException or OperationCanceledException)
        {
            return ExitCode.Done;
        }

        return Terminal.Fail("The agent ended.", ExitCode.NotRunning);
    }

    private static void Show(StatusReply status, bool json, bool detail, bool inPlace)
    {
        if (json)
        {
            Terminal.Result.WriteLine(MessageJson.Format(status, indented: false));
            return;
        }

        var text = Fitted.ToTerminal(StatusText.Format(status, detail, TimeProvider.System.GetUtcNow(), Terminal.Paint));
        if (!inPlace)
        {
            Terminal.Result.WriteLine(text + "\n");
            return;
        }

        // ECMA-48: home; each line is cleared to its end (EL) as it is written, then what is below (ED), so that nothing flickers.
        Terminal.Result.Write($"\e[H{text.Replace("\n", "\e[K\n", StringComparison.Ordinal)}\e[K\n\e[K\n{Terminal.Paint.Faint("Ctrl-C ends")}\e[K\n\e[J");
    }
}
