using Benchmarks.Tunnel;

// One topic a word; each folder holds one.
return args switch
{
    ["tunnel", .. var rest] => await TunnelComparison.RunAsync(rest),
    ["tunnel-end", .. var rest] => await TunnelEnd.RunAsync(rest),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("Benchmarks tunnel [--seconds N] [--pairs ours,go,mixed]   compares our tunnel with wireguard-go's; needs root");
    return 2;
}
