using System.Reflection;
using NetBird.Protocol.Agent.V1;

namespace NetBird.Agent.Enrolment;

/// <summary>What the control plane is told of this machine, for the list of peers.</summary>
internal static class MachineFacts
{
    public static string AgentVersion { get; } =
        typeof(MachineFacts).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    public static Machine Describe(string tunnelKind) => new()
    {
        Hostname = Environment.MachineName,
        Os = OperatingSystem.IsWindows() ? "windows" : OperatingSystem.IsMacOS() ? "macos" : "linux",
        AgentVersion = AgentVersion,
        TunnelKind = tunnelKind,
    };
}
