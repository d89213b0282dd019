using System.Net;

namespace NetBird.Agent.Endpoint;

/// <summary>An address that only this machine can reach, with its port, as a person types it.</summary>
internal static class LoopbackAddress
{
    /// <summary>Null with a sentence when it is none.</summary>
    /// <param name="option">The option it was given with, for the example.</param>
    public static IPEndPoint? TryParse(string option, string text, out string problem)
    {
        // Without a port IPEndPoint reads port 0, which means any.
        var found = IPEndPoint.TryParse(text, out var address) && address.Port != 0 && IPAddress.IsLoopback(address.Address);
        problem = found ? "" : $"The endpoint '{text}' is not a loopback address with a port. Example: {option} 127.0.0.1:8788";
        return found ? address : null;
    }
}
