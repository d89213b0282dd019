using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway;
using NetBird.Gateway.Admission;
using NetBird.Gateway.Authorization;
using NetBird.Gateway.Capture;
using NetBird.Gateway.Credentials;
using NetBird.Gateway.Metering;
using NetBird.Gateway.Providers;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage.Chaos;

/// <summary>
/// One gateway with its own store as a process of its own, to be killed: all stages real, LiteDB or PostgreSQL behind them. People at
/// 127.0.1.1 and up, in groups in turns, each group under a policy of its own; a caller's loopback address stands for an overlay one.
/// </summary>
internal static class GatewayNode
{
    public const string Key = "sk-ant-api03-the-real-key";
    public static readonly ProviderId Anthropic = new("anthropic");

    public static IPAddress AddressOf(int person)
        => IPAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"127.0.{1 + (person / 200)}.{1 + (person % 200)}"));

    /// <summary>Serves until standard input ends; says "ready" when it does.</summary>
    /// <param name="directory">State directory.</param>
    /// <param name="port">On all loopback addresses.</param>
    /// <param name="upstream">The provider.</param>
    /// <param name="postgres">Connection string, or "-" for LiteDB.</param>
    /// <param name="people">How many.</param>
    /// <param name="groups">How many; person i is in group i modulo this.</param>
    /// <param name="cap">Tokens that each group shares in an hour: 0 none, negative: default kind, positive: strict.</param>
    public static async Task RunAsync(string directory, int port, Uri upstream, string postgres, int people, int groups, long cap)
    {
        await using var store = postgres == "-"
            ? await UsageStore.OpenAsync(directory, TimeProvider.System, NullLoggerFactory.Instance, default)
            : await UsageStore.OpenPostgresAsync(postgres, directory, TimeProvider.System, NullLoggerFactory.Instance, default);
        var account = new Account(upstream, people, groups, cap);
        store.Policies.Follow(() => account.Current!.Policies);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.UseGatewayLimits();
            kestrel.Listen(IPAddress.Any, port);
        });
        builder.Services.AddSingleton<IGatewaySnapshots>(account).AddSingleton<IProviderKeys>(new OneKey())
            .AddSingleton(store.Reservations).AddSingleton(store.Batches).AddSingleton<IPromptVault>(new NoVault()).AddSingleton(store.Journal).AddGateway();
        await using var app = builder.Build();
        app.UseGateway();
        await app.StartAsync();
        Console.WriteLine("ready");
        await Console.In.ReadToEndAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await app.StopAsync(limit.Token);
    }

    /// <summary>Nothing is captured here.</summary>
    private sealed class NoVault : IPromptVault
    {
        public ValueTask KeepAsync(CapturedPrompt prompt, CancellationToken cancellationToken) => throw new IOException();
    }

    private sealed class OneKey : IProviderKeys
    {
        public ProviderKey? Current(ProviderId provider, IReadOnlyCollection<string> except) => except.Count == 0 ? new("key", Key) : null;

        public void ReportRefused(ProviderId provider, string keyId, int status)
        {
        }
    }

    private sealed class Account : IGatewaySnapshots
    {
        public Account(Uri upstream, int people, int groups, long cap)
        {
            var limits = new PolicyLimits(cap == 0 ? null : new(Math.Abs(cap), 0, TimeSpan.FromHours(1), cap > 0), null);
            Current = new(
                1,
                "ACME",
                "it@acme.example",
                Enumerable.Range(0, people).ToFrozenDictionary(AddressOf, person => Admit(person, person % groups)),
                new(
                    [.. Enumerable.Range(0, groups).Select(i => new AccessPolicy(
                        new($"policy-{i}"), $"Policy {i}", true, [new GroupId($"group-{i}")], [Anthropic], [], limits))],
                    ImmutableDictionary<GuardrailId, Guardrail>.Empty,
                    [],
                    ImmutableDictionary<ProviderId, PolicyProvider>.Empty.Add(Anthropic, new(Anthropic, "Anthropic", [])),
                    PriceTable.Default),
                FrozenDictionary.ToFrozenDictionary([new ProviderRoute(Anthropic, "anthropic_api", "Anthropic", upstream, true)], route => route.Id));
        }

        public event Action<GatewaySnapshot>? Changed
        {
            add { }
            remove { }
        }

        public GatewaySnapshot? Current { get; }

        private static AdmittedPeer Admit(int person, int group)
            => new(new(new($"person-{person}"), $"person-{person}@acme.example", new($"laptop-{person}"), [new GroupId($"group-{group}")]), PeerStanding.Active, null);
    }
}
