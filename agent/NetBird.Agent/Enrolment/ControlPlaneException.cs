using System.Net.Sockets;
using Grpc.Core;

namespace NetBird.Agent.Enrolment;

/// <summary>What a refusal of the control plane means for us; follows the status codes of agent.proto.</summary>
internal enum ControlPlaneProblem
{
    /// <summary>Not reached, or it asks to try later: waiting helps.</summary>
    Unreachable,

    /// <summary>The login ended; a new ID token opens the door again.</summary>
    LoginExpired,

    /// <summary>The peer is not known any more; it must enrol again.</summary>
    PeerRemoved,

    /// <summary>The person or machine is blocked; only an administrator can change that.</summary>
    Blocked,

    /// <summary>The proof, token or setup key was refused.</summary>
    Refused,

    /// <summary>The two ends do not understand each other: different versions, or not a control plane at all.</summary>
    Misunderstood,
}

/// <summary>A call to the control plane failed. The message is a sentence for the person.</summary>
internal sealed class ControlPlaneException : Exception
{
    private const int LongestDetail = 400;

    public ControlPlaneException(ControlPlaneProblem problem, string message, Exception? inner = null)
        : base(message, inner) => Problem = problem;

    public ControlPlaneProblem Problem { get; }

    public static ControlPlaneException From(RpcException e, Uri url)
    {
        var (problem, fallback) = e.StatusCode switch
        {
            StatusCode.FailedPrecondition => (ControlPlaneProblem.LoginExpired, "The login has ended."),
            StatusCode.NotFound => (ControlPlaneProblem.PeerRemoved, "This machine was removed from the account."),
            StatusCode.PermissionDenied => (ControlPlaneProblem.Blocked, "This machine or person is blocked."),
            StatusCode.Unauthenticated => (ControlPlaneProblem.Refused, "The control plane refused the login."),
            StatusCode.InvalidArgument or StatusCode.Unimplemented or StatusCode.Internal =>
                (ControlPlaneProblem.Misunderstood, $"{url} does not answer as a control plane does. Check the management URL and the versions of both ends."),
            _ => (ControlPlaneProblem.Unreachable, $"The control plane at {url} is not reachable."),
        };

        // What our own client made up (a refused connection, an HTML page) carries an exception; the server's words do not.
        var detail = e.Status.DebugException is null ? e.Status.Detail : "";
        if (e.Status.DebugException is { } cause && problem is not ControlPlaneProblem.Misunderstood)
        {
            return new(ControlPlaneProblem.Unreachable, $"The control plane at {url} is not reachable: {Reason(cause, url)}", e);
        }

        return new(problem, detail is { Length: > 0 and <= LongestDetail } ? detail : fallback, e);
    }

    /// <summary>The innermost cause; for names in words of our own, because the system's are about anything but names.</summary>
    private static string Reason(Exception e, Uri url)
    {
        while (e.InnerException is { } inner)
        {
            e = inner;
        }

        return e is not SocketException failure ? e.Message.TrimEnd('.') + "." : failure.SocketErrorCode switch
        {
            SocketError.HostNotFound or SocketError.NoData => $"there is no {url.Host}. Check the address.",
            SocketError.TryAgain => $"no name server answers for {url.Host}. Check the address and the network.",
            _ => e.Message.TrimEnd('.') + ".",
        };
    }
}
