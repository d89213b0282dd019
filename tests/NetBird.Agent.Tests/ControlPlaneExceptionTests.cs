using System.Net.Sockets;
using Grpc.Core;
using NetBird.Agent.Enrolment;

namespace NetBird.Agent.Tests;

public sealed class ControlPlaneExceptionTests
{
    [Theory]
    [InlineData(SocketError.HostNotFound, "there is no claude.example.com. Check the address.")]
    [InlineData(SocketError.TryAgain, "no name server answers for claude.example.com. Check the address and the network.")]
    [InlineData(SocketError.ConnectionRefused, "Connection refused.")]
    public void From_ACauseOfTheNetwork_SaysItInWords(SocketError cause, string words)
    {
        var status = new Status(StatusCode.Unavailable, "Error starting gRPC call.", new HttpRequestException("", new SocketException((int)cause)));

        var failure = ControlPlaneException.From(new RpcException(status), new Uri("https://claude.example.com"));

        Assert.Equal(ControlPlaneProblem.Unreachable, failure.Problem);
        Assert.Equal($"The control plane at https://claude.example.com/ is not reachable: {words}", failure.Message);
    }
}
