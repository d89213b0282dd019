using System.Runtime.Versioning;

namespace NetBird.WireGuard.Linux;

/// <summary>Whether anybody still reads what this process prints, which .NET's console does not tell: it drops what a pipe refuses.</summary>
[SupportedOSPlatform("linux")]
public static unsafe class StandardOutput
{
    private const int Descriptor = 1;

    /// <summary>POLLERR: poll(2) says it of a pipe's writing end once the reading end is closed.</summary>
    private const short PollError = 8;

    /// <summary>True when standard output is a pipe that nobody can read from any more.</summary>
    public static bool IsAbandoned
    {
        get
        {
            var output = new Libc.PollDescriptor { Fd = Descriptor };
            return Libc.Poll(&output, 1, 0) > 0 && (output.Returned & PollError) != 0;
        }
    }
}
