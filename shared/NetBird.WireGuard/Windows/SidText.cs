using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace NetBird.WireGuard.Windows;

/// <summary>A SID as people and settings write it: S-1-5-21-... ([MS-DTYP] sections 2.4.2.1 and 2.4.2.2).</summary>
internal static class SidText
{
    private const int HeaderBytes = 8;

    /// <summary>What follows the SID in the bytes is left alone; null when they are none.</summary>
    public static string? Of(ReadOnlySpan<byte> sid)
    {
        // Revision, count, and the authority in network order; then each part in little-endian order.
        if (sid.Length < HeaderBytes || sid[0] != 1 || sid[1] > 15 || sid.Length < HeaderBytes + (sid[1] * 4))
        {
            return null;
        }

        var authority = ((ulong)BinaryPrimitives.ReadUInt16BigEndian(sid[2..]) << 32) | BinaryPrimitives.ReadUInt32BigEndian(sid[4..]);
        var text = new StringBuilder("S-1-");
        text.Append(authority >> 32 == 0 ? authority.ToString(CultureInfo.InvariantCulture) : "0x" + authority.ToString("X12", CultureInfo.InvariantCulture));
        for (var i = 0; i < sid[1]; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"-{BinaryPrimitives.ReadUInt32LittleEndian(sid[(HeaderBytes + (i * 4))..])}");
        }

        return text.ToString();
    }
}
