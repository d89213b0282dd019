using System.Globalization;
using Benchmarks.Gateway.Load;
using Benchmarks.Gateway.Subjects;

namespace Benchmarks.Gateway;

/// <summary>
/// What the gateway adds to a request, beside nothing, nginx, portkey and Claude apps gateway; all in one run, in turns. First a closed
/// loop (wrk) for what each can do, then a fixed rate of half that for what it adds when it is not pressed.
/// </summary>
internal static class GatewayTopic
{
    public const string Help = """
        Benchmarks gateway [--seconds N] [--connections N] [--rounds N] [--only 2k|stream|4m] [--skip NAME]... [--no-half]
            the gateway beside direct, nginx, portkey (from npm, fetched once) and "claude gateway" (with root, and what tests/run.sh installs);
            needs wrk, nginx and gcc. The middle of --rounds N is printed; --no-half leaves the fixed rate out
        """;

    public static async Task<int> RunAsync(string[] args)
    {
        if (((string[])["wrk", "nginx", "gcc"]).Where(tool => !Child.IsInstalled(tool)).ToList() is { Count: > 0 } missing)
        {
            Console.Error.WriteLine($"{string.Join(", ", missing)}: not installed, and needed");
            return 1;
        }

        var options = Options.Of(args);
        if (!Place.IsInside)
        {
            // What is missing is fetched while there is a network.
            Without(options, "portkey", Portkey.Prepare());
            Without(options, "claude gateway", ClaudeGateway.Missing);
            if (!options.Skip.Contains("claude gateway"))
            {
                return await Place.EnterAsync(["gateway", .. args, .. options.Skip.SelectMany(name => (string[])["--skip", name])]);
            }
        }

        var place = Place.Here;
        Console.WriteLine($"{options.Connections} connections, {options.Seconds} s each, middle of {options.Rounds}; {Environment.ProcessorCount} processors shared by load, subject and upstream; "
            + $"load of the machine before: {(await File.ReadAllTextAsync("/proc/loadavg")).Split(' ')[0]}");
        using var small = await Nginx.UpstreamAsync(place);
        using var streams = await StreamUpstream.StartAsync(place, "stream");
        using var plain = await StreamUpstream.StartAsync(place, "plain");
        using var claude = options.Skip.Contains("claude gateway") ? null : await ClaudeGateway.StartAsync(place);
        foreach (var kind in Loads.Of(small.Port, streams.Port, plain.Port).Where(kind => options.Only is null || kind.Key == options.Only))
        {
            await MeasureAsync(kind, place, claude, options);
        }

        return 0;
    }

    private static void Without(Options options, string name, string? missing)
    {
        if (missing is not null && options.Skip.Add(name))
        {
            Console.WriteLine($"without {name}: {missing}");
        }
    }

    private static async Task MeasureAsync(Kind kind, Place place, ClaudeGateway? claude, Options options)
    {
        const string Path = "/v1/messages";
        var local = new Uri($"http://127.0.0.1:{kind.UpstreamPort}");
        using var nginx = await Nginx.ProxyAsync(local);
        using var ours = await GatewayHost.StartAsync(local);
        var subjects = new List<Subject>
        {
            new("direct", new(local, Path), null, Subject.None),
            new("nginx", new($"http://127.0.0.1:{nginx.Port}{Path}"), nginx.Process, Subject.None),
            new("gateway", new($"http://127.0.0.1:{ours.Port}{Path}"), ours, Subject.None),
        };
        var portkey = options.Skip.Contains("portkey") ? null : await Portkey.StartAsync(local);
        using var owned = portkey?.Process;
        if (portkey is not null)
        {
            subjects.Add(portkey);
        }

        if (claude is not null)
        {
            await claude.ServeAsync(place.Url(kind.UpstreamPort));
            subjects.Add(new("claude gateway", new(claude.Url, Path), claude.Process, claude.Headers));
        }

        subjects.RemoveAll(subject => options.Skip.Contains(subject.Name));
        foreach (var subject in subjects)
        {
            // Compilers of both runtimes settle first.
            await Wrk.RunAsync(subject.Url, new(kind.Body, subject.Headers), options.Connections, 2);
        }

        var table = new ResultTable(kind);
        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var subject in subjects)
            {
                var before = subject.Process?.ProcessorTime();
                var measured = await Wrk.RunAsync(subject.Url, new(kind.Body, subject.Headers), options.Connections, options.Seconds);
                table.Add(subject.Name, measured, (subject.Process?.ProcessorTime() - before)?.TotalMicroseconds / (measured.PerSecond * options.Seconds));
            }
        }

        table.Print();
        Console.WriteLine($"gateway's peak memory: {ours.PeakMegabytes} MB");
        if (options.Half)
        {
            HalfLoad(kind, subjects, table, options);
        }
    }

    /// <summary>At half of what each bears, and each beside "direct" and nginx at that very rate.</summary>
    private static void HalfLoad(Kind kind, List<Subject> subjects, ResultTable table, Options options)
    {
        var beside = subjects.Where(subject => subject.Name is "direct" or "nginx").ToList();
        Console.WriteLine("at a fixed rate (open loop, 64 connections, times from when a request was due; added: beyond direct)");
        Console.WriteLine("                   req/s    p50 ms    p99 ms  p99.9 ms   added p50   added p99   late or failed");
        foreach (var subject in subjects.Except(beside))
        {
            var rate = table.PerSecondOf(subject.Name) / 2;
            var runs = Enumerable.Range(0, options.Rounds)
                .Select(_ => beside.Append(subject).ToDictionary(one => one.Name, one => Pace.Run(one.Url, new(kind.Body, one.Headers), rate, options.Seconds)))
                .ToList();
            foreach (var name in beside.Append(subject).Select(one => one.Name))
            {
                var all = runs.ConvertAll(run => run[name]);
                var direct = runs.ConvertAll(run => run.GetValueOrDefault("direct"));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{name,-15}{rate,9:F0}{Middle(all, r => r.P50Ms),10:F3}{Middle(all, r => r.P99Ms),10:F3}{Middle(all, r => r.P999Ms),10:F3}{Middle(all, r => r.P50Ms) - Middle(direct, r => r?.P50Ms ?? double.NaN),12:F3}{Middle(all, r => r.P99Ms) - Middle(direct, r => r?.P99Ms ?? double.NaN),12:F3}{all.Sum(r => r.Late),12}, {all.Sum(r => r.Failed)} of {all.Sum(r => r.Completed + r.Failed)}"));
            }
        }
    }

    private static double Middle<T>(List<T> runs, Func<T, double> figure) => ResultTable.Middle(runs.Select(figure));

    private sealed record Options(int Seconds, int Connections, int Rounds, string? Only, HashSet<string> Skip, bool Half)
    {
        public static Options Of(string[] args)
        {
            return new(Number("--seconds", 3), Number("--connections", 16), Number("--rounds", 1), Word("--only"),
                [.. args.Select((arg, i) => (arg, i)).Where(a => a.arg == "--skip").Select(a => args[a.i + 1])], !args.Contains("--no-half"));

            string? Word(string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;

            int Number(string name, int unless) => Word(name) is { } word ? int.Parse(word, CultureInfo.InvariantCulture) : unless;
        }
    }
}
