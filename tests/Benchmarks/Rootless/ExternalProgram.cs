using System.Diagnostics;
using Benchmarks.Tunnel;

namespace Benchmarks.Rootless;

/// <summary>wireguard-go with its interface in a namespace of that name and its UDP socket outside, as our own tunnel has it.</summary>
internal sealed class ExternalProgram : IDisposable
{
    private readonly string _name;
    private readonly Process _process;

    public ExternalProgram(string name)
    {
        _name = name;
        _process = Tool.Start($"env LOG_LEVEL=silent wireguard-go -f {name}");
        for (var i = 0; i < 200 && !File.Exists($"/var/run/wireguard/{name}.sock"); i++)
        {
            Thread.Sleep(20);
        }

        Tool.Run($"ip netns add {name}");
        Tool.Run($"ip link set {name} netns {name}");
    }

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        File.Delete($"/var/run/wireguard/{_name}.sock");
        _ = Tool.TryRun($"ip netns del {_name}");
    }
}
