using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace NetBird.WireGuard.Windows;

/// <summary>
/// Owns one driver adapter. Releasing it removes the adapter with its addresses and routes; Windows does the same
/// when the process ends, however it ends.
/// </summary>
[SupportedOSPlatform("windows")]
internal sealed class AdapterHandle() : SafeHandleZeroOrMinusOneIsInvalid(ownsHandle: true)
{
    protected override bool ReleaseHandle()
    {
        WireGuardNt.CloseAdapter(handle);
        return true;
    }
}
