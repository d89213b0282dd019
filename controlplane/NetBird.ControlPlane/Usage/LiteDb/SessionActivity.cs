using NetBird.ControlPlane.Usage.Rows;

namespace NetBird.ControlPlane.Usage.LiteDb;

/// <summary>When a session was active, and with what. Never changed: what is added to it makes a new one.</summary>
/// <param name="First">Its first request, UTC ticks.</param>
/// <param name="Last">Its last.</param>
/// <param name="Parts">One for each facet and hour (UTC) in which it had requests.</param>
internal readonly record struct SessionActivity(long First, long Last, ActivityPart[] Parts)
{
    /// <summary>This with one more request.</summary>
    public SessionActivity With(long ticks, int facet)
    {
        var parts = Parts;
        var at = Array.FindLastIndex(parts, part => part.Facet == facet && part.Hour == ticks / TimeSpan.TicksPerHour);
        if (at < 0)
        {
            parts = [.. parts, new(facet, ticks)];
        }
        else if (ticks > parts[at].Last)
        {
            parts = [.. parts];
            parts[at] = new(facet, ticks);
        }

        return new(Math.Min(First, ticks), Math.Max(Last, ticks), parts);
    }

    /// <summary>The parts for the store.</summary>
    public byte[] Pack()
    {
        var sink = new ByteSink();
        sink.Varint(Parts.Length);
        foreach (var part in Parts)
        {
            sink.Varint(part.Facet);
            sink.Int64(part.Last);
        }

        return sink.Written.ToArray();
    }

    /// <summary>Parts that <see cref="Pack"/> packed.</summary>
    /// <exception cref="InvalidDataException">They are damaged.</exception>
    public static ActivityPart[] Unpack(byte[] packed)
    {
        var cursor = new ByteCursor(packed, 0, packed.Length);
        var parts = new ActivityPart[cursor.Count()];
        for (var i = 0; i < parts.Length; i++)
        {
            parts[i] = new((int)cursor.Varint(), cursor.Int64());
        }

        return parts;
    }
}

/// <summary>Requests of one session with the same facet within one hour.</summary>
/// <param name="Facet">Its number.</param>
/// <param name="Last">The last of them, UTC ticks.</param>
internal readonly record struct ActivityPart(int Facet, long Last)
{
    public long Hour => Last / TimeSpan.TicksPerHour;
}
