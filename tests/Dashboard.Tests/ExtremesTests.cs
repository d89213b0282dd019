using System.Security.Cryptography;
using Microsoft.Playwright;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;
using NetBird.WireGuard;

namespace Dashboard.Tests;

/// <summary>
/// An account of extremes (names of two hundred characters, a person in sixty groups under forty limits, a policy for three hundred groups, a
/// session of more turns than a page shows, amounts in millions): no page cuts text or scrolls sideways.
/// </summary>
[Collection(InChromium.Name)]
public sealed class ExtremesTests(Chromium chromium)
{
    private const string LongModel = "claude-experimental-with-a-very-long-name-2026-11-26-preview-for-one-customer-in-one-region-at-one-price-only-v2";

    private static readonly string Unbroken = "Llanfairpwllgwyngyll" + string.Concat(Enumerable.Repeat("gogerychwyrndrobwll", 9)) + "gogogoch";

    private static readonly string Sentence = string.Join(' ', Enumerable.Repeat("Everyone who maintains the payment systems of the northern region", 3));

    [SkippableFact]
    public async Task EveryPageAndDialog_OfExtremes_CutsNothing()
    {
        await using var site = await Site.StartAsync(Fill, Rows);
        var found = new List<string>();
        foreach (var width in (int[])[1440, 390])
        {
            await using var tab = await chromium.SignInAsync(site, Company.Owner, width);
            (string Name, string Path, Func<Task>? Open)[] places =
            [
                .. Site.Pages.Select(path => (path == "/" ? "overview" : path[1..], path, (Func<Task>?)null)),
                ("session", "/session?id=long-one&user=wide", null),
                ("access", "/policies?person=wide", null),
                ("sessions", "/usage?range=Last%2030%20days", () => tab.ChooseAsync("Sessions")),
                ("request", "/usage?range=Last%2030%20days&decision=denied", () => tab.Page.Locator("table.grid tbody .link").First.ClickAsync()),
                ("policy", "/policies", () => tab.Button("Change " + Sentence).First.ClickAsync()),
                ("guardrail", "/policies", () => tab.Button("Change " + LongModel).First.ClickAsync()),
                ("person", "/people", () => tab.Button("Change " + Unbroken).First.ClickAsync()),
                ("provider", "/providers", () => tab.Button("Change " + Sentence).First.ClickAsync()),
                ("raise", "/budgets", () => tab.Page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Raise for a while") }).First.ClickAsync()),
            ];
            foreach (var (name, path, open) in places)
            {
                await tab.GoAsync(path);
                if (open is not null)
                {
                    await open();
                    await tab.ReadyAsync();
                    if (name != "sessions")
                    {
                        await tab.Dialog().WaitForAsync();
                    }
                }

                await tab.ShootAsync($"extreme-{name}-{width}", whole: open is null);
                found.AddRange((await tab.CutTextAsync()).Select(fault => $"{name} at {width}: {fault}"));
                found.AddRange((await tab.Page.EvaluateAsync<string[]>("() => [...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => `${e.ariaLabel} scrolls sideways: ${e.scrollWidth}`)"))!
                    .Select(fault => $"{name} at {width}: {fault}"));
            }

            Assert.Empty(tab.Complaints);
        }

        Assert.Empty(found);
    }

    private static bool Fill(ConfigurationDraft draft, DateTimeOffset now)
    {
        Company.Fill(draft, now);
        for (var i = 0; i < 300; i++)
        {
            var name = i switch { 0 => Unbroken, 1 => Sentence, _ => $"Cost centre {4000 + i}, {(i % 3 == 0 ? "Operations" : "Research and development")}" };
            draft.Groups.Put(new() { Id = new($"g{i}"), Name = name, CreatedAt = now, ModifiedAt = now });
        }

        draft.Users.Put(Company.Person(new("wide"), $"{Unbroken[..60].ToLowerInvariant()}@northern-region.payments.acme.example", Unbroken, "", now)
            with { AutoGroups = [.. Enumerable.Range(0, 60).Select(i => new GroupId($"g{i}"))] });
        for (var i = 0; i < 40; i++)
        {
            draft.BudgetRules.Put(new()
            {
                Id = new($"b{i}"), Name = i == 0 ? Unbroken : $"Ceiling {i} of the {Sentence.ToLowerInvariant()[..(10 + i)]}", TargetUsers = [new("wide")],
                Limits = new(new(i % 2 == 0, 0, 900_000_000_000, 86400 + (i * 61), true), new(i % 2 == 1, 0, 9_000_000L * NanoUsd.PerUsd, 30 * 86400, false)), CreatedAt = now, ModifiedAt = now,
            });
            draft.Peers.Put(new()
            {
                Id = new($"wide{i}"), Name = i == 0 ? Unbroken : $"{Sentence.ToLowerInvariant().Replace(' ', '-')[..60]}-{i}", PublicKey = new(RandomNumberGenerator.GetBytes(PublicKey.Size)),
                OverlayAddress = OverlayAddresses.AddressOf(0x64401000u + (uint)i), User = new("wide"), Os = "Windows 11 Enterprise multi-session, version 24H2", AgentVersion = "0.1.0-preview.20261126.1+deadbeef",
                TunnelKind = "userspace", LastSeen = now, LoginExpiresAt = now.AddHours(9), Approved = i % 5 != 0, CreatedAt = now.AddDays(-50),
            });
            draft.SetupKeys.Put(new() { Id = new($"k{i}"), Name = i == 0 ? Unbroken : Sentence[..(40 + i)], Hash = "none", Prefix = "A1B2C3", AutoGroups = [.. Enumerable.Range(0, 60).Select(g => new GroupId($"g{g}"))], ServiceUser = new("wide"), UsageLimit = 1_000_000, UsedTimes = 999_999, CreatedAt = now });
            draft.AccessTokens.Put(new() { Id = new($"t{i}"), Name = i == 0 ? Unbroken : Sentence[..(40 + i)], User = new("wide"), Hash = "none", CreatedAt = now, ExpiresAt = now.AddDays(i) });
        }

        draft.Guardrails.Put(new()
        {
            Id = new("g-many"), Name = LongModel, AllowlistEnabled = true, AllowedModels = [.. Enumerable.Range(0, 60).Select(i => $"{LongModel}-{i}")], CreatedAt = now, ModifiedAt = now,
        });
        draft.Providers.Put(draft.Providers[Company.Anthropic] with { Name = Sentence, Models = [.. Enumerable.Range(0, 40).Select(i => new NetBird.ControlPlane.Providers.ProviderModel($"{LongModel}-{i}", i % 2 == 0 ? null : new(now, 12_345, 67_890, null, null, null)))] });
        draft.Policies.Put(new()
        {
            Id = new("p-wide"), Name = Sentence, Description = Sentence + ". " + Unbroken, SourceGroups = [.. Enumerable.Range(0, 300).Select(i => new GroupId($"g{i}"))],
            Providers = [Company.Anthropic], Guardrails = [new("g-many"), new("g-current")],
            Limits = new(new(true, 900_000_000_000, 90_000_000_000, 7 * 86400, true), new(true, 9_000_000L * NanoUsd.PerUsd, 900_000L * NanoUsd.PerUsd, 30 * 86400, false)),
            CreatedAt = now.AddDays(-71), ModifiedAt = now,
        });
        draft.Policies.Put(draft.Policies[new("p-wide")] with { Id = new("p-wide-2"), Name = Unbroken, CreatedAt = now.AddDays(-1) });
        return true;
    }

    private static IEnumerable<JournalledRecord> Rows(DateTimeOffset now)
    {
        for (var i = 0; i < 520; i++)
        {
            var refused = i % 40 == 39;
            yield return new(i + 1, new UsageRecord
            {
                Id = RequestId.New(), Timestamp = now.AddSeconds(-40 * (521 - i)), User = new("wide"), UserName = Unbroken, Peer = new("wide0"), Groups = [.. Enumerable.Range(0, 60).Select(g => new GroupId($"g{g}"))],
                ChargedGroup = new("g0"), Policy = new("p-wide"), Provider = Company.Anthropic, Kind = RequestKind.Messages, Model = i % 3 == 0 ? LongModel : $"{LongModel}-{i % 12}", SessionId = i < 510 ? "long-one" : Unbroken,
                AgentId = i % 7 == 0 ? Unbroken : null, Stream = true, Completeness = Completeness.Complete, StatusCode = refused ? 429 : 200, RequestBytes = 9_000_000_000, ResponseBytes = 8_000_000_000,
                DenyReason = refused ? DenyReason.LimitReached : null, DenyText = refused ? string.Join(' ', Enumerable.Repeat($"You have reached the limit of policy \"{Unbroken}\".", 4)) : null,
                Usage = refused ? default : new(new TokenUsage(123_456_789, 98_765_432, 987_654_321, 12_345_678, 12_345_678), 4_321, ServiceTier.Batch, true, true, 12), Cost = refused ? NanoUsd.Zero : new(12_345_678_901_234),
                Duration = TimeSpan.FromMinutes(59), TimeToFirstByte = refused ? null : TimeSpan.FromSeconds(58), ProviderRequestId = Unbroken, KeyId = "gone",
            });
        }
    }
}
