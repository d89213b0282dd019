using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NetBird.Gateway;
using NetBird.Gateway.Admission;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Batches;
using NetBird.Gateway.Capture;
using NetBird.Gateway.Credentials;
using NetBird.Gateway.Metering;
using NetBird.Gateway.Providers;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace Benchmarks.Gateway.Subjects;

/// <summary>
/// The gateway in a process of its own, as the control plane hosts it, with all stages real; counters and rows are kept in memory, so
/// that this measures the way of a request and not a store (which has a topic of its own).
/// </summary>
internal static class GatewayHost
{
    public static Task<Child> StartAsync(Uri upstream)
    {
        var port = Child.FreePort();
        return Child.StartAsync(new(IPAddress.Loopback, port), Environment.ProcessPath!, ["gateway-host", $"{port}", $"{upstream}"]);
    }

    public static async Task<int> RunAsync(string[] args)
    {
        var port = int.Parse(args[0], CultureInfo.InvariantCulture);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.UseGatewayLimits();
            kestrel.Listen(IPAddress.Loopback, port);
        });
        builder.Services.AddSingleton<IGatewaySnapshots>(new Account(new(args[1])))
            .AddSingleton<IProviderKeys>(new OneKey())
            .AddSingleton<IReservations>(new Counters())
            .AddSingleton<IUsageJournal>(new Rows())
            .AddSingleton<IBatchRegister>(new NoBatches())
            .AddSingleton<IPromptVault>(new NoPrompts())
            .AddGateway();
        var app = builder.Build();
        app.UseGateway();
        var journal = (Rows)app.Services.GetRequiredService<IUsageJournal>();
        await app.RunAsync();
        var rows = journal.Count;
        Console.WriteLine($"{rows} requests, {GC.GetTotalAllocatedBytes() / Math.Max(1, rows)} bytes allocated for each, {GC.CollectionCount(0)} collections");
        return 0;
    }

    private sealed class Account : IGatewaySnapshots
    {
        public Account(Uri upstream)
        {
            var provider = new ProviderId("anthropic");
            var group = new GroupId("engineering");
            var caller = new Caller(new("alice"), "alice@acme.example", new("laptop"), [group]);
            var limits = new PolicyLimits(
                new(10_000_000_000, 1_000_000_000, TimeSpan.FromDays(7), false), new(0, 500_000 * NanoUsd.PerUsd, TimeSpan.FromDays(30), false));
            Current = new(
                1, "ACME", "it@acme.example",
                new Dictionary<IPAddress, AdmittedPeer> { [IPAddress.Loopback] = new(caller, PeerStanding.Active, null) }.ToFrozenDictionary(),
                new(
                    [new(new("p"), "Engineering", true, [group], [provider], [new("g")], limits)],
                    ImmutableDictionary<GuardrailId, Guardrail>.Empty.Add(new("g"), new(new("g"), "Models", ["claude-*"], 200_000, null)),
                    [],
                    ImmutableDictionary<ProviderId, PolicyProvider>.Empty.Add(provider, new(provider, "Anthropic", [])),
                    PriceTable.Default),
                new Dictionary<ProviderId, ProviderRoute> { [provider] = new(provider, "anthropic_api", "Anthropic", upstream, true) }.ToFrozenDictionary());
        }

        public event Action<GatewaySnapshot>? Changed
        {
            add { }
            remove { }
        }

        public GatewaySnapshot? Current { get; }
    }

    private sealed class OneKey : IProviderKeys
    {
        private static readonly ProviderKey Key = new("k", "sk-ant-bench");

        public ProviderKey? Current(ProviderId provider, IReadOnlyCollection<string> except) => except.Count == 0 ? Key : null;

        public void ReportRefused(ProviderId provider, string keyId, int status)
        {
        }
    }

    private sealed class Counters : IReservations
    {
        private long _tokens;

        public ValueTask<ReserveOutcome> ReserveAsync(ReservationRequest request, CancellationToken cancellationToken)
            => new(new ReserveOutcome.Granted(request.Candidates[0]));

        public ValueTask SettleAsync(RequestId request, RequestUsage used, NanoUsd cost, bool isExact = true)
        {
            Interlocked.Add(ref _tokens, used.Tokens.Total);
            return default;
        }

        public ValueTask<ImmutableArray<CounterReading>> ReadAsync(ImmutableArray<Cap> caps, CancellationToken cancellationToken)
            => new([.. caps.Select(cap => new CounterReading(cap, Interlocked.Read(ref _tokens) % cap.Limit, 0, null))]);
    }

    private sealed class Rows : IUsageJournal
    {
        private long _rows;

        public long Count => Interlocked.Read(ref _rows);

        public ValueTask BeginAsync(UsageRecord record, CancellationToken cancellationToken) => default;

        public void Note(UsageRecord record, IReadOnlyList<UsageRecord> beside)
        {
        }

        public ValueTask CompleteAsync(UsageRecord record)
        {
            Interlocked.Increment(ref _rows);
            return default;
        }

        public ValueTask<IReadOnlyList<UsageRecord>> CompleteOnceAsync(
            RequestId reading, IReadOnlyList<UsageRecord> records, CancellationToken cancellationToken)
            => new([]);
    }

    private sealed class NoPrompts : IPromptVault
    {
        public ValueTask KeepAsync(CapturedPrompt prompt, CancellationToken cancellationToken) => default;
    }

    private sealed class NoBatches : IBatchRegister
    {
        public ValueTask<RegisteredBatch?> FindAsync(string id, CancellationToken cancellationToken) => new((RegisteredBatch?)null);

        public ValueTask AddAsync(RegisteredBatch batch, CancellationToken cancellationToken) => default;
    }
}
