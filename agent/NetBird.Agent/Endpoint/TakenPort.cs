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
        if (holder is { IsSystem: true } && StateDirectory.ServiceOwner is { } served)
        {
            return served == ProcessOwner.Account
                ? $"This machine's service listens on {wanted} and serves you already. Leave this agent of your own and use it: netbird-agent down; netbird-agent up"
                : $"This machine's service listens on {wanted}, and it serves {served}, not {ProcessOwner.Account}. "
                    + $"To have it serve you: {ToBeServed}. "
                    + $"To run an agent of your own beside it: {another}";
        }

        var who = holder is { } account && account != ProcessOwner.Account ? $"A program of {account}" : "Another program";
        return $"{who} listens on {wanted}. Stop it, or choose another port: {another}";
    }

    /// <summary>How the machine's service is set up for whoever runs this.</summary>
    public static string ToBeServed => OperatingSystem.IsWindows()
        ? $"netbird-agent up --owner {Account}, from a prompt opened with 'Run as administrator'"
        : $"sudo netbird-agent service install --owner {Account}";

    /// <summary>What <c>--owner</c> takes for this process' account.</summary>
    public static string Account => Environment.UserName is { Length: > 0 } name ? name : ProcessOwner.Account.Text;
}
