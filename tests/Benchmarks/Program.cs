using Benchmarks.Gateway;
using Benchmarks.Gateway.Subjects;
using Benchmarks.Policy;
using Benchmarks.Rootless;
using Benchmarks.Tunnel;

// One topic a word; each folder holds one.
return args switch
{
    ["all"] => await AllAsync(),
    ["tunnel", .. var rest] => await TunnelComparison.RunAsync(rest),
    ["flood", .. var rest] => await FloodComparison.RunAsync(rest),
    ["latency", .. var rest] => await LatencyComparison.RunAsync(rest),
    ["soak", .. var rest] => await Soak.RunAsync(rest),
    ["rootless", .. var rest] => await RootlessComparison.RunAsync(rest),
    ["tunnel-end", .. var rest] => await TunnelEnd.RunAsync(rest),
    ["gateway", .. var rest] => await GatewayTopic.RunAsync(rest),
    ["policy", .. var rest] => await PolicyTopic.RunAsync(rest),
    ["gateway-host", .. var rest] => await GatewayHost.RunAsync(rest),
    ["stream-upstream", .. var rest] => await StreamUpstream.RunAsync(rest),
    _ => Usage(),
};

// What is measured anew whenever long tests run; each topic in its shorter form.
static async Task<int> AllAsync()
{
    var failed = 0;
    foreach (var (name, run) in ((string, Func<Task<int>>)[])
    [
        ("policy", () => PolicyTopic.RunAsync([])), ("gateway", () => GatewayTopic.RunAsync([])),
        ("tunnel", () => TunnelComparison.RunAsync([])), ("rootless", () => RootlessComparison.RunAsync([])),
    ])
    {
        Console.WriteLine($"\n-- {name}");
        failed |= await run();
    }

    return failed;
}

static int Usage()
{
    Console.Error.WriteLine("Benchmarks all   policy, gateway, tunnel and rootless, one after another");
    Console.Error.WriteLine("Benchmarks tunnel [--seconds N] [--pairs ours,go,mixed] [--helpers N]   compares our tunnel with wireguard-go's; needs root");
    Console.Error.WriteLine("Benchmarks flood [--seconds N] [--rate N] [--rounds N] [--pairs ours,go]   a transfer under forged initiations; needs root and gcc");
    Console.Error.WriteLine("Benchmarks latency [--rounds N] [--pings N] [--pairs ours,go]   round trips, alone and beside a transfer; needs root");
    Console.Error.WriteLine("Benchmarks soak [--gigabytes N]   memory, handles and threads over much traffic; needs root");
    Console.Error.WriteLine("Benchmarks rootless [--seconds N]   compares the rootless tunnel with our TUN path and wireguard-go; needs root");
    Console.Error.WriteLine(GatewayTopic.Help);
    Console.Error.WriteLine("Benchmarks policy [--rows N]   nanoseconds of a decision with its reservation, rows a second of the ledger");
    return 2;
}
