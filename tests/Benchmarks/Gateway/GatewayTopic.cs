using System.Globalization;
using System.Text;

namespace Benchmarks.Gateway;

/// <summary>What the gateway adds to a request, beside nothing, nginx and other gateways; all in one run, in turns.</summary>
internal static class GatewayTopic
{
    public static async Task<int> RunAsync(string[] args)
    {
        if (!Child.IsInstalled("wrk") || !Child.IsInstalled("nginx"))
        {
            Console.Error.WriteLine("wrk and nginx are needed");
            return 1;
        }

        var seconds = int.Parse(Option(args, "--seconds") ?? "3", CultureInfo.InvariantCulture);
        var connections = int.Parse(Option(args, "--connections") ?? "16", CultureInfo.InvariantCulture);
        var only = Option(args, "--only");
        var skip = args.Select((arg, i) => (arg, i)).Where(a => a.arg == "--skip").Select(a => args[a.i + 1]).ToHashSet();
        Console.WriteLine($"{connections} connections, {seconds} s each, {Environment.ProcessorCount} processors shared by load, gateway and upstream");

        using var small = await Nginx.UpstreamAsync();
        var streamPort = Child.FreePort();
        using var streams = await Child.StartAsync(streamPort, Environment.ProcessPath!, "stream-upstream", $"{streamPort}", "stream");
        var plainPort = Child.FreePort();
        using var plain = await Child.StartAsync(plainPort, Environment.ProcessPath!, "stream-upstream", $"{plainPort}", "plain");
        foreach (var load in Loads(small.Url, $"http://127.0.0.1:{streamPort}", $"http://127.0.0.1:{plainPort}").Where(load => only is null || load.Key == only))
        {
            await MeasureAsync(load, connections, seconds, skip);
        }

        return 0;
    }

    private static async Task MeasureAsync(Load load, int connections, int seconds, HashSet<string> skip)
    {
        var body = Path.GetTempFileName();
        await File.WriteAllTextAsync(body, load.Body);
        try
        {
            using var nginx = await Nginx.ProxyAsync(load.Upstream);
            var port = Child.FreePort();
            using var ours = await Child.StartAsync(port, Environment.ProcessPath!, "gateway-host", $"{port}", load.Upstream);
            var subjects = new List<Subject>
            {
                new("direct", load.Upstream),
                new("nginx", nginx.Url, nginx.Process),
                new("gateway", $"http://127.0.0.1:{port}", ours),
            };
            using var portkey = await PortkeyAsync(load.Upstream, subjects);
            if (Environment.GetEnvironmentVariable("NETBIRD_BENCH_CLAUDE_GATEWAY") is { } claude)
            {
                subjects.Add(new("claude gateway", claude, null, new Dictionary<string, string>
                {
                    ["authorization"] = "Bearer " + Environment.GetEnvironmentVariable("NETBIRD_BENCH_CLAUDE_TOKEN"),
                }));
            }

            subjects.RemoveAll(subject => skip.Contains(subject.Name));
            await Wrk.RunAsync($"http://127.0.0.1:{port}/v1/messages", body, connections, 2);
            var results = new Dictionary<string, (Measured Measured, double ProcessorUs)>();
            foreach (var (name, url, process, headers) in subjects)
            {
                var before = process?.ProcessorTime();
                var measured = await Wrk.RunAsync(url + "/v1/messages", body, connections, seconds, headers);
                var spent = process?.ProcessorTime() - before;
                results[name] = (measured, spent?.TotalMicroseconds / (measured.PerSecond * seconds) ?? double.NaN);
            }

            Print(load, results, ours.PeakMegabytes);
        }
        finally
        {
            File.Delete(body);
        }
    }

    private static void Print(Load load, Dictionary<string, (Measured Measured, double ProcessorUs)> results, long peakMegabytes)
    {
        Console.WriteLine($"\n{load.Name}");
        Console.WriteLine("                   req/s   of nginx    p50 ms    p99 ms   p50 of nginx   processor us per request");
        var nginx = results.GetValueOrDefault("nginx").Measured;
        foreach (var (name, (r, processorUs)) in results)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name,-15}{r.PerSecond,10:F0}{r.PerSecond / nginx?.PerSecond,11:F2}{r.P50Ms,10:F2}{r.P99Ms,10:F2}{r.P50Ms / nginx?.P50Ms,15:F2}{processorUs,27:F1}   {r.Errors}"));
        }

        Console.WriteLine($"gateway's peak memory: {peakMegabytes} MB");
    }

    private static async Task<Child?> PortkeyAsync(string upstream, List<Subject> subjects)
    {
        if (Environment.GetEnvironmentVariable("NETBIRD_BENCH_PORTKEY") is not { Length: > 0 } script)
        {
            return null;
        }

        var port = Child.FreePort();
        var child = await Child.StartAsync(port, "node", script, $"--port={port}", "--headless");
        subjects.Add(new("portkey", $"http://127.0.0.1:{port}", child, new Dictionary<string, string>
        {
            ["x-portkey-provider"] = "anthropic", ["x-portkey-custom-host"] = upstream + "/v1", ["Authorization"] = "Bearer sk-ant-bench",
        }));
        return child;
    }

    private static List<Load> Loads(string small, string streams, string plain)
    {
        static string Body(int bytes, bool stream)
        {
            // As Claude Code's: a few long texts and a dozen tools with schemas.
            var text = new StringBuilder();
            text.Append($$"""{"model":"claude-opus-5-5","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"max_tokens":128000,"stream":{{(stream ? "true" : "false")}},"tools":[""");
            const string Tool = """{"name":"Bash","description":"Runs a command and returns what it printed. Use it for anything that needs a shell, \"quoted\" or not.\nMind the directory.","input_schema":{"type":"object","properties":{"command":{"type":"string","description":"The command"},"timeout":{"type":"number","description":"In milliseconds"}},"required":["command"]}},""";
            for (var tools = 0; tools < 12 && text.Length + 600 < bytes; tools++)
            {
                text.Append(Tool);
            }

            if (text[^1] == ',')
            {
                text.Length--;
            }

            text.Append("],\"system\":[{\"type\":\"text\",\"text\":\"");
            while (text.Length < bytes - 20)
            {
                text.Append("You are careful and brief.\\n");
            }

            return text.Append("\"}]}").ToString();
        }

        return
        [
            new("2k", "2 KB request, 2 KB answer", small, Body(2_048, stream: false)),
            new("stream", "48 KB request, stream of 200 events, each sent apart", streams, Body(48 * 1024, stream: true)),
            new("4m", "4 MB request, 2 KB answer", plain, Body(4 * 1024 * 1024, stream: false)),
        ];
    }

    private static string? Option(string[] args, string name)
        => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;

    private sealed record Subject(string Name, string Url, Child? Process = null, IReadOnlyDictionary<string, string>? Headers = null);

    private sealed record Load(string Key, string Name, string Upstream, string Body);
}
