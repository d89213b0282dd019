using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Http;

namespace NetBird.Agent.Tests.TestSupport;

/// <summary>A control plane's API, one or two gateways with real tunnels, and the real agent, connected by a setup key.</summary>
internal sealed class AgentWorld : IAsyncDisposable
{
    private AgentWorld(TestControlPlane plane, List<TestGateway> gateways, AgentProcess agent)
    {
        Plane = plane;
        Gateways = gateways;
        Agent = agent;
    }

    public TestControlPlane Plane { get; }

    public List<TestGateway> Gateways { get; }

    public TestGateway Gateway => Gateways[0];

    public AgentProcess Agent { get; }

    public static async Task<AgentWorld> StartAsync(int gateways = 1, string issuer = "")
    {
        TestGateway.RequireRoot();
        var plane = await TestControlPlane.StartAsync(issuer);
        var started = new List<TestGateway>();
        for (var i = 0; i < gateways; i++)
        {
            started.Add(await TestGateway.StartAsync($"100.64.0.{i + 1}"));
        }

        plane.Map = new()
        {
            Version = 1,
            PeerId = "peer-1",
            Addresses = { "100.64.7.7" },
            OverlayCidr = "100.64.0.0/16",
            Mtu = 1420,
            UserName = "Ada Example",
            UserEmail = "ada@example.test",
            GroupNames = { "Engineering" },
            AccountName = "Test",
        };
        plane.Map.Gateways.AddRange(started.Select(gateway => gateway.Describe()));
        plane.Enrolled = key => started.ForEach(gateway => gateway.Admit(key, IPAddress.Parse("100.64.7.7")));
        return new AgentWorld(plane, started, new AgentProcess());
    }

    public async Task<Outcome> UpAsync(params string[] more)
        => await Agent.RunWithAsync(Plane.SetupKey + "\n", ["up", "--setup-key", "-", "--management-url", Plane.Url, .. more]);

    /// <summary>Which gateway is asked first is the agent's to choose; the answer tells.</summary>
    public void AnswerWithTheirNumber()
    {
        for (var i = 0; i < Gateways.Count; i++)
        {
            var number = i.ToString(CultureInfo.InvariantCulture);
            Gateways[i].Answer = context => context.Response.WriteAsync(number);
        }
    }

    /// <summary>A client as Claude Code is one: HTTP/1.1, keep-alive, no proxy.</summary>
    public HttpClient Client() => new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(Agent.EndpointUrl), Timeout = TimeSpan.FromMinutes(10) };

    public async ValueTask DisposeAsync()
    {
        await Agent.DisposeAsync();
        await Plane.DisposeAsync();
        foreach (var gateway in Gateways)
        {
            await gateway.DisposeAsync();
        }
    }
}
