using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace NetBird.Agent.Listening;

/// <summary>
/// An address that is listened on for as long as it is held, whether a web server is awake behind it or not: waiting in
/// accept(2) costs nothing. To the web server it is an end point whose connections are handed in.
/// </summary>
internal sealed class Door : EndPoint, IDisposable
{
    /// <summary>Kestrel's own; more wait in the system's queue than ever come at once.</summary>
    private const int Backlog = 512;

    private readonly Socket _socket;
    private readonly Channel<ConnectionContext> _entered = Channel.CreateUnbounded<ConnectionContext>();

    private Door(Socket socket, EndPoint address, Action<ListenOptions> treat)
    {
        _socket = socket;
        Treat = treat;
        try
        {
            socket.Bind(address);
            socket.Listen(Backlog);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>What the web server does with a connection before anything is read from it.</summary>
    public Action<ListenOptions> Treat { get; }

    /// <summary>Connections for the web server, in the order they came.</summary>
    public ChannelReader<ConnectionContext> Entered => _entered.Reader;

    /// <exception cref="SocketException">It cannot be listened on: taken, not permitted, not of this machine.</exception>
    public static Door Open(IPEndPoint address, Action<ListenOptions> treat)
        => new(new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp), address, treat);

    /// <param name="path">Of a unix socket; what lies there is replaced, and the file goes with the door.</param>
    /// <exception cref="SocketException">It cannot be listened on.</exception>
    public static Door Open(string path, Action<ListenOptions> treat)
    {
        File.Delete(path);
        return new(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified), new UnixDomainSocketEndPoint(path), treat);
    }

    public ValueTask<Socket> AcceptAsync(CancellationToken cancellationToken) => _socket.AcceptAsync(cancellationToken);

    public void Enter(ConnectionContext connection) => _entered.Writer.TryWrite(connection);

    public void Dispose() => _socket.Dispose();

    public override string ToString() => "door";
}
