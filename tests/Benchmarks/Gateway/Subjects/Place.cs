using System.Diagnostics;
using System.Net;

namespace Benchmarks.Gateway.Subjects;

/// <summary>Where all of one run stands: on loopback, or, for who refuses loopback, on a private address in a namespace of its own.</summary>
/// <param name="Bind">What upstreams listen on.</param>
/// <param name="Reach">Where they are reached.</param>
internal sealed record Place(IPAddress Bind, IPAddress Reach)
{
    private const string Inside = "NETBIRD_BENCH_NAMESPACE";
    private static readonly IPAddress Private = IPAddress.Parse("10.77.0.1");

    public static Place Here => Environment.GetEnvironmentVariable(Inside) is null ? new(IPAddress.Loopback, IPAddress.Loopback) : new(IPAddress.Any, Private);

    public static bool IsInside => Environment.GetEnvironmentVariable(Inside) is not null;

    public Uri Url(int port, string path = "/") => new($"http://{Reach}:{port}{path}");

    /// <summary>This program again, with the same words, in a network namespace that ends with it.</summary>
    public static async Task<int> EnterAsync(string[] words)
    {
        var start = new ProcessStartInfo("unshare");
        foreach (var word in (string[])[
            "-n", "--", "sh", "-c", $"ip link set lo up && ip addr add {Private}/32 dev lo && exec \"$0\" \"$@\"", Environment.ProcessPath!, .. words])
        {
            start.ArgumentList.Add(word);
        }

        start.Environment[Inside] = "1";
        using var process = Process.Start(start) ?? throw new InvalidOperationException("unshare does not start.");
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
