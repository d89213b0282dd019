using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace NetBird.Agent.Listening;

/// <summary>
/// A web server that is awake only while somebody is connected, and a little longer. Kestrel wakes the processor every
/// second for its own clock, which an agent that is installed once and forgotten must not; so the doors are ours and
/// stay open, and Kestrel is made when a connection has come through one. None is refused or lost by that: it is
/// counted before it is handed in, and the server goes to sleep under the same turn only when the count is zero.
/// </summary>
internal sealed partial class SleepingServer : IAsyncDisposable
{
    /// <summary>Ours: whoever asked may ask again, and to be made anew takes some milliseconds.</summary>
    private static readonly TimeSpan StaysAwake = TimeSpan.FromSeconds(20);

    /// <summary>Ours: a failed accept is one for want of descriptors, which others have to give back.</summary>
    private static readonly TimeSpan AfterFailure = TimeSpan.FromMilliseconds(200);

    private const int Crowd = 100;

    private readonly IReadOnlyList<Door> _doors;
    private readonly Func<WebApplicationBuilder, WebApplication> _build;
    private readonly TimeSpan _patience;
    private readonly Action _rests;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _logging;
    private readonly ILogger<SleepingServer> _logger;
    private readonly CancellationTokenSource _ends = new();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly ITimer _sleep;
    private readonly Task[] _accepting;
    private readonly Task _first;
    private Task _asleep = Task.CompletedTask;
    private WebApplication? _web;
    private SocketConnectionContextFactory? _connections;
    private int _connected;

    /// <param name="doors">Open already; they are closed with this.</param>
    /// <param name="build">Adds services and limits, and what answers; called at each waking.</param>
    /// <param name="patience">How long requests under way may take at the end.</param>
    /// <param name="rests">Called each time it has gone to sleep.</param>
    public SleepingServer(
        IReadOnlyList<Door> doors, Func<WebApplicationBuilder, WebApplication> build, TimeSpan patience, Action rests, TimeProvider time,
        ILoggerFactory logging)
    {
        _doors = doors;
        _build = build;
        _patience = patience;
        _rests = rests;
        _time = time;
        _logging = logging;
        _logger = logging.CreateLogger<SleepingServer>();
        _sleep = time.CreateTimer(_ => _asleep = _asleep.IsCompleted ? SleepAsync() : _asleep, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        // Whoever starts an agent asks it something at once. Beside the caller, since to load it all takes a processor a tenth of a second.
        _first = Task.Run(WakeAtOnceAsync);
        _accepting = [.. doors.Select(AcceptAsync)];
    }

    public async ValueTask DisposeAsync()
    {
        await _ends.CancelAsync().ConfigureAwait(false);
        foreach (var door in _doors)
        {
            door.Dispose();
        }

        await Task.WhenAll(_accepting).ConfigureAwait(false);
        await _first.ConfigureAwait(false);
        await _sleep.DisposeAsync().ConfigureAwait(false);
        await _asleep.ConfigureAwait(false);
        await StopAsync().ConfigureAwait(false);
        _turn.Dispose();
        _ends.Dispose();
    }

    private async Task AcceptAsync(Door door)
    {
        while (true)
        {
            try
            {
                var socket = await door.AcceptAsync(_ends.Token).ConfigureAwait(false);
                await HandInAsync(door, socket).ConfigureAwait(false);
            }
            catch (Exception e) when (_ends.IsCancellationRequested && (e is OperationCanceledException or ObjectDisposedException or SocketException))
            {
                return;
            }
            catch (SocketException e)
            {
                Log.NotAccepted(_logger, e.Message);
                await Task.WhenAny(Task.Delay(AfterFailure, _time, _ends.Token)).ConfigureAwait(false);
            }
        }
    }

    private async Task HandInAsync(Door door, Socket socket)
    {
        var handedIn = false;
        await AwakeAsync(() =>
        {
            if (socket.AddressFamily != AddressFamily.Unix)
            {
                socket.NoDelay = true;
            }

            var connection = new CountedConnection(_connections!.Create(socket), () => IsThere(socket), _time, Over);
            Interlocked.Increment(ref _connected);
            door.Enter(connection);
            handedIn = true;
        }).ConfigureAwait(false);
        if (!handedIn)
        {
            socket.Dispose();
        }
    }

    /// <summary>Not asked in a crowd: to look for one end among thousands takes milliseconds.</summary>
    private bool IsThere(Socket socket) => OperatingSystem.IsLinux() && Volatile.Read(ref _connected) <= Crowd && CallerPresence.IsThere(socket);

    private Task WakeAtOnceAsync() => AwakeAsync(() => _sleep.Change(StaysAwake, Timeout.InfiniteTimeSpan));

    /// <summary>Wakes the server where it sleeps, and does something before it may sleep again.</summary>
    private async Task AwakeAsync(Action act)
    {
        await _turn.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            await WakeLockedAsync().ConfigureAwait(false);
            act();
        }
        catch (SocketException e)
        {
            // It was reset while it waited.
            Log.NotAccepted(_logger, e.Message);
        }
        catch (OperationCanceledException) when (_ends.IsCancellationRequested)
        {
            // It came with the end.
        }
        catch (Exception e)
        {
            // This one is lost, and the next one tries again: a daemon that ended for it would lose all of them.
            Log.NotAwake(_logger, e);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task WakeLockedAsync()
    {
        if (_web is not null)
        {
            return;
        }

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(_logging);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            foreach (var door in _doors)
            {
                kestrel.Listen(door, door.Treat);
            }
        });
        builder.Services.AddSingleton<IConnectionListenerFactory, HandedIn>();
        var web = _build(builder);
        try
        {
            await web.StartAsync(_ends.Token).ConfigureAwait(false);
        }
        catch
        {
            await web.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        _connections = new SocketConnectionContextFactory(new SocketConnectionFactoryOptions(), _logger);
        _web = web;
        Log.Awake(_logger);
    }

    private void Over()
    {
        if (Interlocked.Decrement(ref _connected) == 0)
        {
            _sleep.Change(StaysAwake, Timeout.InfiniteTimeSpan);
        }
    }

    private async Task SleepAsync()
    {
        await _turn.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            if (Volatile.Read(ref _connected) == 0)
            {
                await StopAsync().ConfigureAwait(false);
                Log.Asleep(_logger);
                _rests();
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task StopAsync()
    {
        if (_web is not { } web)
        {
            return;
        }

        _web = null;
        using var patience = new CancellationTokenSource(_patience, _time);
        await web.StopAsync(patience.Token).ConfigureAwait(false);
        await web.DisposeAsync().ConfigureAwait(false);
        _connections?.Dispose();
        _connections = null;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Listening + 1, LogLevel.Warning, "A connection is not accepted: {Reason}")]
        public static partial void NotAccepted(ILogger logger, string reason);

        [LoggerMessage(EventIds.Listening + 2, LogLevel.Error, "The web server does not wake")]
        public static partial void NotAwake(ILogger logger, Exception error);

        [LoggerMessage(EventIds.Listening + 3, LogLevel.Debug, "The web server is awake")]
        public static partial void Awake(ILogger logger);

        [LoggerMessage(EventIds.Listening + 4, LogLevel.Debug, "Nobody is connected; the web server sleeps")]
        public static partial void Asleep(ILogger logger);
    }
}
