using System.Globalization;
using System.Net;
using NetBird.Agent.Store;

namespace NetBird.Agent.Endpoint;

/// <summary>Why a port that is taken is taken, and what to do: often it is this machine's own service, set up for somebody else.</summary>
internal static class TakenPort
{
    public static string Describe(IPEndPoint wanted)
    {
        var another = $"netbird-agent up --endpoint {new IPEndPoint(wanted.Address, wanted.Port < IPEndPoint.MaxPort ? wanted.Port + 1 : wanted.Port - 1)}";
        var holder = SocketOwner.OfListener(wanted);

        // The service runs as root, so a port that somebody else holds is not its.
        if (holder == 0 && StateDirectory.ServiceOwner is { } served)
        {
            return served == ProcessOwner.Uid
                ? $"This machine's service listens on {wanted} and serves you already. Leave this agent of your own and use it: netbird-agent down; netbird-agent up"
                : $"This machine's service listens on {wanted}, and it serves {Person(served)}, not {Person(ProcessOwner.Uid)}. "
                    + $"To have it serve you: sudo netbird-agent service install --owner {Account}. "
                    + $"To run an agent of your own beside it: {another}";
        }

        var who = holder is { } uid && uid != ProcessOwner.Uid ? $"A program of {Person(uid)}" : "Another program";
        return $"{who} listens on {wanted}. Stop it, or choose another port: {another}";
    }

    /// <summary>What <c>--owner</c> takes for this process' account.</summary>
    public static string Account => Environment.UserName is { Length: > 0 } name ? name : ProcessOwner.Uid.ToString(CultureInfo.InvariantCulture);

    /// <summary>As people say it: names of accounts need a look-up that may take its time, so only root has one.</summary>
    public static string Person(uint uid) => uid == 0 ? "root" : string.Create(CultureInfo.InvariantCulture, $"uid {uid}");
}
