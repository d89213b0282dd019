using System.Net;

namespace FakeAnthropic;

/// <summary>How a <see cref="FakeUpstream"/> is started.</summary>
public sealed class FakeUpstreamOptions
{
    /// <summary>0: any free port.</summary>
    public int Port { get; set; }

    public IPAddress Address { get; set; } = IPAddress.Loopback;

    /// <summary>Keys it accepts; the first is <see cref="FakeUpstream.Key"/>. Empty: one is made up.</summary>
    public List<string> Keys { get; } = [];

    /// <summary>Shifts every usage figure, so that two upstreams answer one request differently.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>Every ledger entry is appended here as a line of JSON, or null.</summary>
    public string? LedgerFile { get; set; }
}
