using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Extensions.Logging;
using NetBird.WireGuard.Configuration;
using static Tmds.Linux.LibC;

namespace NetBird.WireGuard.Uapi;

/// <summary>
/// Serves an interface on the socket where wg(8) looks for it. Only the owner of this process and root can
/// connect: the socket has mode 0600 before it listens.
/// </summary>
[UnsupportedOSPlatform("windows")]
internal sealed partial class UapiServer : IAsyncDisposable
{
    /// <summary>wireguard.com/xplatform: where every userspace implementation puts its socket.</summary>
    public const string DefaultFolder = "/var/run/wireguard";

    private readonly Socket _socket;
    private readonly string _path;
    private readonly IInterfaceControl _control;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _accepting;

    private UapiServer(Socket socket, string path, IInterfaceControl control, ILogger logger)
    {
        (_socket, _path, _control, _logger) = (socket, path, control, logger);
        _accepting = AcceptAsync();
    }

    /// <summary>Begins to serve; a socket left behind by a killed process is replaced.</summary>
    /// <exception cref="UapiException">EADDRINUSE: a living process serves an interface of that name.</exception>
    /// <exception cref="IOException">Something that is not a socket is in the way.</exception>
    public static UapiServer Start(string interfaceName, IInterfaceControl control, ILogger logger, string folder = DefaultFolder)
    {
        var path = Path.Combine(folder, interfaceName + ".sock");
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(
                folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        RemoveDead(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));

            // Nobody can connect to a socket that does not listen, so there is no moment with a wider mode.
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            socket.Listen();
            return new UapiServer(socket, path, control, logger);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            socket.Dispose();
            throw new UapiException(UapiException.AddressInUse, $"Another process just took '{path}'.");
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        File.Delete(_path);
        _socket.Dispose();
        await _accepting;
        _stopping.Dispose();
    }

    /// <summary>Removes a socket that no process listens on; wg(8) itself does the same when it meets one.</summary>
    internal static void RemoveDead(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused && IsSocket(path))
        {
            File.Delete(path);
            return;
        }
        catch (SocketException e)
        {
            throw new IOException($"'{path}' is in the way and is not a WireGuard socket of ours: {e.Message}.", e);
        }

        throw new UapiException(UapiException.AddressInUse, $"Another process serves '{path}'.");
    }

    /// <summary>Connecting to a plain file is refused with the same error, and that file is somebody's.</summary>
    private static unsafe bool IsSocket(string path)
    {
        var name = Encoding.UTF8.GetBytes(path + '\0');
        Tmds.Linux.stat status;
        fixed (byte* text = name)
        {
            return lstat(text, &status) == 0 && ((uint)status.st_mode & (uint)S_IFMT) == (uint)S_IFSOCK;
        }
    }

    private async Task AcceptAsync()
    {
        var conversations = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _socket.AcceptAsync(_stopping.Token);
                conversations.RemoveAll(task => task.IsCompleted);
                conversations.Add(ConverseAsync(client));
            }
        }
        catch (Exception e) when (_stopping.IsCancellationRequested && e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }

        await Task.WhenAll(conversations);
    }

    private async Task ConverseAsync(Socket client)
    {
        try
        {
            await using var stream = new NetworkStream(client, ownsSocket: true);
            using var conversation = new UapiConversation(stream, _control);
            await conversation.RunAsync(_stopping.Token);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
        }
        catch (IOException e)
        {
            Log.ClientLost(_logger, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Uapi + 1, LogLevel.Debug, "A client of the UAPI socket is gone: {Reason}")]
        public static partial void ClientLost(ILogger logger, string reason);
    }
}
