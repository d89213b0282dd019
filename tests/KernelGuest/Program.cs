using System.Diagnostics;
using KernelGuest;
using NetBird.WireGuard;

// Runs as root in a virtual machine whose kernel has WireGuard, started by its init script. Every check prints one
// line, "ok NAME" or "FAIL NAME: why", which the test on the host reads off the serial console.
if (args is ["hold", var name, var kind, var space, var port])
{
    await Checks.HoldAsync(name, kind == "kernel" ? TunnelKind.Kernel : TunnelKind.Userspace, space == "own", int.Parse(port, null));
    return 0;
}

var failed = 0;
foreach (var (check, run) in Checks.All)
{
    var started = Stopwatch.GetTimestamp();
    try
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(check.StartsWith("killed", StringComparison.Ordinal) ? 400 : 120));
        var note = await run(limit.Token);
        Console.WriteLine($"ok {check} ({Stopwatch.GetElapsedTime(started).TotalMilliseconds:F0} ms{(note.Length > 0 ? ", " : "")}{note})");
    }
    catch (Exception e)
    {
        failed++;
        Console.WriteLine($"FAIL {check}: {e.ToString().ReplaceLineEndings(" | ")}");
    }
}

Console.WriteLine($"guest done, {failed} failed");
return failed == 0 ? 0 : 1;
