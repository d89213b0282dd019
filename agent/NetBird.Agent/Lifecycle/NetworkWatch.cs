using System.Globalization;
using System.Net.NetworkInformation;
using System.Text;
using NetBird.WireGuard.Linux;

namespace NetBird.Agent.Lifecycle;

/// <summary>
/// Notices that this machine's network changed, by the system's notifications, and that it slept, by the wall clock
/// running ahead of the monotonic one (which stands still in sleep, clock_gettime(2) CLOCK_MONOTONIC). Linux tells the
/// moment to compare them (<see cref="ClockWatch"/>); elsewhere they are compared now and then.
/// </summary>
internal sealed class NetworkWatch : IDisposable
{
    /// <summary>Ours: notifications come in bursts; one change is one reconnect.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(300);

    /// <summary>Ours: more than clock adjustments make between two looks.</summary>
    private static readonly TimeSpan Slept = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _time;
    private readonly Action _moved;
    private readonly Func<string> _ownInterface;
    private readonly ITimer _settle;
    private readonly ClockWatch? _clock;
    private string _seen;
    private long _monotonic;
    private DateTimeOffset _wall;

    /// <param name="ownInterface">The tunnel's interface, whose coming and going is no change.</param>
    /// <param name="jumped">Called when the clocks may have parted; <see cref="Woke"/> tells.</param>
    public NetworkWatch(TimeProvider time, Func<string> ownInterface, Action moved, Action jumped)
    {
        _time = time;
        _moved = moved;
        _ownInterface = ownInterface;
        _seen = Fingerprint(ownInterface());
        _monotonic = time.GetTimestamp();
        _wall = time.GetUtcNow();
        _settle = time.CreateTimer(_ => Compare(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        NetworkChange.NetworkAddressChanged += OnChange;
        NetworkChange.NetworkAvailabilityChanged += OnAvailability;
        _clock = OperatingSystem.IsLinux() ? ClockWatch.TryStart(jumped) : null;
    }

    /// <summary>True where the system tells of a sleep, and nobody has to look for it.</summary>
    public bool IsToldOfSleep => _clock is not null;

    /// <summary>True when the machine slept, or its clock was set forward, since the last call.</summary>
    public bool Woke()
    {
        var monotonic = _time.GetTimestamp();
        var wall = _time.GetUtcNow();
        var gap = wall - _wall - _time.GetElapsedTime(_monotonic, monotonic);
        _monotonic = monotonic;
        _wall = wall;
        return gap > Slept;
    }

    public void Dispose()
    {
        NetworkChange.NetworkAddressChanged -= OnChange;
        NetworkChange.NetworkAvailabilityChanged -= OnAvailability;
        _settle.Dispose();
        if (OperatingSystem.IsLinux())
        {
            _clock?.Dispose();
        }
    }

    private void OnChange(object? sender, EventArgs e) => _settle.Change(Settling, Timeout.InfiniteTimeSpan);

    private void OnAvailability(object? sender, NetworkAvailabilityEventArgs e) => _settle.Change(Settling, Timeout.InfiniteTimeSpan);

    private void Compare()
    {
        var now = Fingerprint(_ownInterface());
        if (now != Interlocked.Exchange(ref _seen, now))
        {
            _moved();
        }
    }

    /// <summary>What of the network matters to us: interfaces that are up, their addresses and gateways.</summary>
    private static string Fingerprint(string ownInterface)
    {
        var text = new StringBuilder();
        try
        {
            foreach (var nic in NetworkInterface.GetAllNetworkInterfaces().OrderBy(nic => nic.Name, StringComparer.Ordinal))
            {
                if (nic.Name == ownInterface)
                {
                    continue;
                }

                var addresses = nic.GetIPProperties();
                text.Append(CultureInfo.InvariantCulture, $"{nic.Name} {nic.OperationalStatus}");
                text.AppendJoin(' ', addresses.UnicastAddresses.Select(a => a.Address.ToString()).Order(StringComparer.Ordinal));
                text.AppendJoin(' ', addresses.GatewayAddresses.Select(a => a.Address.ToString()).Order(StringComparer.Ordinal));
                text.Append(';');
            }
        }
        catch (NetworkInformationException)
        {
            // An interface went away while it was being read: that is a change too.
            text.Append(Guid.NewGuid());
        }

        return text.ToString();
    }
}
