using System.Diagnostics.Metrics;
using System.Net;
using NetBird.Primitives;
using NetBird.WireGuard;

namespace NetBird.ControlPlane.Tunnels;

/// <summary>
/// Keeps the tunnel's peers equal to the configuration's. A peer that is gone leaves the tunnel at once. One that is
/// blocked, or whose person is disabled, is refused by the gateway from that moment, and leaves the tunnel within the
/// second: until then the end of what streamed still reaches the other end, and from then on the agent, whom its sync
/// stream told in the same moment, refuses in the same words.
/// </summary>
internal sealed class TunnelPeers : IDisposable
{
    // Ours: several round trips of a slow line, and together with the change itself still under a second.
    private static readonly TimeSpan ToRead = TimeSpan.FromMilliseconds(800);

    private readonly TunnelHost _tunnel;
    private readonly TimeProvider _time;
    private readonly Meter _meter = new("NetBird.Tunnel");
    private readonly Lock _lock = new();
    private readonly Dictionary<PublicKey, IPAddress> _known = [];
    private readonly Dictionary<PublicKey, ITimer> _leaving = [];

    public TunnelPeers(TunnelHost tunnel, TimeProvider time)
    {
        (_tunnel, _time) = (tunnel, time);
        _meter.CreateObservableGauge("netbird.tunnel.peers", Count, "{peer}", "Machines that the tunnel takes packets of");
    }

    /// <summary>Makes the tunnel's peers these: key and address of each, and whether it may call.</summary>
    public void Begin(IReadOnlyDictionary<PublicKey, (IPAddress Address, bool MayCall)> wanted)
    {
        lock (_lock)
        {
            foreach (var key in _known.Keys.Except(wanted.Keys).ToList())
            {
                RemoveLocked(key);
            }

            foreach (var (key, (address, mayCall)) in wanted)
            {
                SetLocked(key, address, mayCall);
            }
        }
    }

    /// <summary>Takes a peer in, or lets one go that may not call any more.</summary>
    public void Set(PublicKey key, IPAddress address, bool mayCall)
    {
        lock (_lock)
        {
            SetLocked(key, address, mayCall);
        }
    }

    /// <summary>Lets one go at once.</summary>
    public void Remove(PublicKey key)
    {
        lock (_lock)
        {
            RemoveLocked(key);
        }
    }

    public void Dispose()
    {
        _meter.Dispose();
        lock (_lock)
        {
            foreach (var timer in _leaving.Values)
            {
                timer.Dispose();
            }

            _leaving.Clear();
        }
    }

    private int Count()
    {
        lock (_lock)
        {
            return _known.Count;
        }
    }

    private void SetLocked(PublicKey key, IPAddress address, bool mayCall)
    {
        if (mayCall)
        {
            AddLocked(key, address);
        }
        else if (_known.ContainsKey(key) && !_leaving.ContainsKey(key))
        {
            _leaving[key] = _time.CreateTimer(_ => Leave(key), null, ToRead, Timeout.InfiniteTimeSpan);
        }
    }

    private void AddLocked(PublicKey key, IPAddress address)
    {
        if (_leaving.Remove(key, out var timer))
        {
            timer.Dispose();
        }

        if (!_known.TryGetValue(key, out var before) || !before.Equals(address))
        {
            _tunnel.SetPeer(new PeerConfiguration { PublicKey = key, AllowedIPs = [new IPNetwork(address, 32)] });
            _known[key] = address;
        }
    }

    private void Leave(PublicKey key)
    {
        lock (_lock)
        {
            if (_leaving.ContainsKey(key))
            {
                RemoveLocked(key);
            }
        }
    }

    private void RemoveLocked(PublicKey key)
    {
        if (_leaving.Remove(key, out var timer))
        {
            timer.Dispose();
        }

        if (_known.Remove(key))
        {
            _tunnel.RemovePeer(key);
        }
    }
}
