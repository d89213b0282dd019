using Benchmarks.Rootless;
using Benchmarks.Tunnel;

// One topic a word; each folder holds one.
return args switch
{
    ["tunnel", .. var rest] => await TunnelComparison.RunAsync(rest),
    ["rootless", .. var rest] => await RootlessComparison.RunAsync(rest),
    ["tunnel-end", .. var rest] => await TunnelEnd.RunAsync(rest),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("Benchmarks tunnel [--seconds N] [--pairs ours,go,mixed]   compares our tunnel with wireguard-go's; needs root");
    Console.Error.WriteLine("Benchmarks rootless [--seconds N]   compares the rootless tunnel with our TUN path; needs root");
    return 2;
}
