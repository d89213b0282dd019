using Grpc.Core;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>Refusals as agent.proto has them: a code for the agent and a sentence for the person.</summary>
internal static class Refusal
{
    public static RpcException Malformed(string sentence) => new(new Status(StatusCode.InvalidArgument, sentence));

    public static RpcException NotProved(string sentence) => new(new Status(StatusCode.Unauthenticated, sentence));

    public static RpcException NotPermitted(string sentence) => new(new Status(StatusCode.PermissionDenied, sentence));

    public static RpcException Gone()
        => new(new Status(StatusCode.NotFound, "This machine is not enrolled here, or was removed. Run 'netbird-agent login'."));

    public static RpcException LoginExpired()
        => new(new Status(StatusCode.FailedPrecondition, "Your login has expired. Run 'netbird-agent login'."));

    public static RpcException NotSetUp(string sentence) => new(new Status(StatusCode.FailedPrecondition, sentence));

    public static RpcException TryLater(string sentence) => new(new Status(StatusCode.Unavailable, sentence));
}
