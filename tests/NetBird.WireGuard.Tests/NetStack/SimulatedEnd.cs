using System.Security.Cryptography;
using NetBird.WireGuard.NetStack;

namespace NetBird.WireGuard.Tests.NetStack;

/// <summary>One connection in a <see cref="SimulatedPath"/> with an application that writes, reads and closes.</summary>
internal sealed class SimulatedEnd
{
    private readonly SimulatedPath _path;
    private readonly int _direction;
    private readonly Random _random;
    private readonly byte[] _toSend;
    private readonly IncrementalHash _received = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly TcpSettings _settings;
    private readonly byte[] _chunk = new byte[96 * 1024];
    private int _written;
    private long _armed = long.MaxValue;
    private bool _isReadPlanned;

    public SimulatedEnd(SimulatedPath path, int direction, int seed, int bytesToSend, TcpSettings? settings = null)
    {
        _path = path;
        _direction = direction;
        _random = new Random(seed + direction);
        _toSend = new byte[bytesToSend];
        _random.NextBytes(_toSend);
        _settings = settings ?? new TcpSettings { MaximumSegment = 1380 };
    }

    public SimulatedEnd? Other { get; set; }

    public TcpConnection? Connection { get; private set; }

    public long Received { get; private set; }

    public bool IsEnded { get; private set; }

    /// <summary>Longest pause before the application reads again, microseconds.</summary>
    public int ReadPause { get; set; }

    /// <summary>Largest piece that it reads or writes at once.</summary>
    public int Piece { get; set; } = 64 * 1024;

    /// <summary>Holds FIN back until the other side's end was read.</summary>
    public bool ClosesLast { get; set; }

    public byte[] SentHash => SHA256.HashData(_toSend);

    public byte[] ReceivedHash() => _received.GetCurrentHash();

    public void Connect()
    {
        Connection = TcpConnection.Connect(
            _settings, _path.Pool, Send, (uint)_random.Next() * 2, (uint)_random.Next(), _path.Now);
        Connection.Start(_path.Now);
        Settle();
    }

    private void Arrive(TcpHeader header, byte[] payload)
    {
        if (Connection is null)
        {
            if (header.Flags != TcpFlags.Syn)
            {
                return;
            }

            Connection = TcpConnection.Accept(
                _settings, _path.Pool, Send, (uint)_random.Next() * 2, (uint)_random.Next(), in header, _path.Now);
            Connection.Start(_path.Now);
        }
        else
        {
            Connection.OnSegment(in header, payload, _path.Now);

            // The engine hands over segments in batches: output waits for the end of one, timers do not.
            if (_random.Next(2) == 0)
            {
                _path.At(_path.Now + _random.Next(200), Settle);
                return;
            }
        }

        Settle();
    }

    private void Send(in TcpHeader header, BlockBuffer? payload, long position, int length)
    {
        var copy = header;
        var bytes = new byte[length];
        payload?.Read(position, bytes);
        _path.Carry(_direction, 40 + length, () => Other!.Arrive(copy, bytes));
    }

    private void Settle()
    {
        Write();
        if (ReadPause == 0)
        {
            Read();
            Write();
        }
        else if (!_isReadPlanned && Connection!.CanRead && !IsEnded)
        {
            _isReadPlanned = true;
            _path.At(_path.Now + _random.Next(ReadPause), () =>
            {
                _isReadPlanned = false;
                Read();
                Settle();
            });
        }

        Connection!.Output(_path.Now);
        var deadline = Connection.NextDeadline;
        if (deadline < _armed)
        {
            _armed = deadline;
            _path.At(deadline, OnTimer);
        }
    }

    private void OnTimer()
    {
        _armed = long.MaxValue;
        Connection!.OnTimer(_path.Now);
        Settle();
    }

    private void Write()
    {
        while (_written < _toSend.Length)
        {
            var piece = Math.Min(1 + _random.Next(Piece), _toSend.Length - _written);
            var count = Connection!.Write(_toSend.AsSpan(_written, piece));
            _written += count;
            if (count < piece)
            {
                return;
            }
        }

        if (!ClosesLast || IsEnded)
        {
            Connection!.CloseWrites();
        }
    }

    private void Read()
    {
        while (Connection!.CanRead && !IsEnded)
        {
            var count = Connection.Read(_chunk.AsSpan(0, 1 + _random.Next(Piece)), _path.Now);
            if (count == 0)
            {
                if (Connection.IsReadEnded)
                {
                    IsEnded = true;
                }

                break;
            }

            _received.AppendData(_chunk, 0, count);
            Received += count;
            if (ReadPause > 0)
            {
                break;
            }
        }
    }
}
