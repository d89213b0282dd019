using System.Globalization;
using System.Runtime.InteropServices;
using FakeAnthropic;

var options = new FakeUpstreamOptions();
for (var i = 0; i < args.Length; i++)
{
    if (args[i] is "--help" or "-h")
    {
        Console.WriteLine("fake-anthropic [--port N] [--address A] [--key KEY]... [--seed N] [--ledger FILE]");
        return 0;
    }

    if (i + 1 >= args.Length)
    {
        await Console.Error.WriteLineAsync($"{args[i]} needs a value").ConfigureAwait(false);
        return 2;
    }

    var value = args[++i];
    switch (args[i - 1])
    {
        case "--port" when ushort.TryParse(value, CultureInfo.InvariantCulture, out var port):
            options.Port = port;
            break;
        case "--address" when System.Net.IPAddress.TryParse(value, out var address):
            options.Address = address;
            break;
        case "--key" when value.Length > 0:
            options.Keys.Add(value);
            break;
        case "--seed" when int.TryParse(value, CultureInfo.InvariantCulture, out var seed):
            options.Seed = seed;
            break;
        case "--ledger":
            options.LedgerFile = value;
            break;
        default:
            await Console.Error.WriteLineAsync($"not understood: {args[i - 1]} {value}").ConfigureAwait(false);
            return 2;
    }
}

await using var upstream = await FakeUpstream.StartAsync(options).ConfigureAwait(false);
Console.WriteLine(upstream.Url.ToString().TrimEnd('/'));

var stop = new TaskCompletionSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context));
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context));
await stop.Task.ConfigureAwait(false);
return 0;

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stop.TrySetResult();
}
