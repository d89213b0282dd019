using System.Net;
using System.Text.Json;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.ControlPlane.Policies;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Store;

/// <summary>One record of every kind, with every field set.</summary>
internal static class Samples
{
    private static readonly DateTimeOffset At = new(2026, 11, 2, 3, 4, 5, 678, TimeSpan.Zero);

    public static Func<ConfigurationDraft, bool> Everything() => draft =>
    {
        var group = new GroupId("engineering");
        var user = new UserId("ana");
        var key = new SetupKeyId("ci");
        var provider = new ProviderId("anthropic");
        var guardrail = new GuardrailId("models");
        var limits = new LimitSettings(
            new(true, 1_000_000, 50_000, 60, Strict: true), new(false, 0, 20_000_000_000, 86400, Strict: false));
        draft.Settings.Put(new() { AccountName = "Acme \"Überlingen\" <x>", Contact = "it@acme.example", LoginExpiry = TimeSpan.FromHours(8) });
        draft.Groups.Put(new()
        {
            Id = group, Name = "Engineering", Source = Groups.GroupSource.Scim, ExternalId = "e1",
            LoginExpiry = TimeSpan.FromHours(1), GrantsRole = Role.Admin, CreatedAt = At, ModifiedAt = At,
        });
        draft.Users.Put(new()
        {
            Id = user, Name = "Ana", Email = "ana@example.com", Role = Role.Owner, Issuer = User.EmbeddedIssuer, Subject = "ana",
            AutoGroups = [group], IdpGroups = [group], ScimGroups = [group], Status = UserStatus.Disabled, LastLogin = At,
            Credential = new() { PasswordHash = "h", MustChange = true, SealedTotpSecret = "s", FailedAttempts = 3, LockedUntil = At },
        });
        draft.Peers.Put(new()
        {
            Id = new("p1"), Name = "laptop", PublicKey = new(Enumerable.Range(1, 32).Select(i => (byte)i).ToArray()),
            OverlayAddress = IPAddress.Parse("100.64.0.9"), User = user, SetupKey = key, Groups = [group], Approved = true, Blocked = true,
            LoginExpiresAt = At, LastSeen = At, Hostname = "laptop", Os = "linux", AgentVersion = "0.1.0", TunnelKind = "rootless",
        });
        draft.SetupKeys.Put(new()
        {
            Id = key, Name = "CI", Hash = "0123", Prefix = "nbs_ab", AutoGroups = [group], ServiceUser = user,
            UsageLimit = 5, UsedTimes = 2, ExpiresAt = At, Ephemeral = true,
        });
        draft.Providers.Put(new()
        {
            Id = provider, Name = "Anthropic", Kind = "anthropic_api", Upstream = new("https://api.example.com/base"), Enabled = true,
            Keys = [new("k1", "first", "sealed", At)], Models = [new("claude-x", new(At, 3000, 15000, null, 3750, null)), new("claude-y", null)],
        });
        draft.Guardrails.Put(new()
        {
            Id = guardrail, Name = "Models", AllowlistEnabled = true, AllowedModels = ["claude-*"], MaxTokensEnabled = true, MaxTokens = 4096,
        });
        draft.Policies.Put(new()
        {
            Id = new("pol"), Name = "Engineering", SourceGroups = [group], Providers = [provider], Guardrails = [guardrail], Limits = limits,
        });
        draft.BudgetRules.Put(new() { Id = new("all"), Name = "All", TargetGroups = [group], TargetUsers = [user], Limits = limits });
        draft.AccessTokens.Put(new() { Id = new("t"), Name = "t", User = user, Hash = "ff", ExpiresAt = At, CreatedBy = user, ScimOnly = true });
        draft.EndedSessions.Put(new() { Id = new("0123456789abcdef0123456789abcdef"), Until = At });
        return true;
    };

    /// <summary>Every record in its stored form, in one order.</summary>
    public static string Dump(Configuration configuration)
    {
        static IEnumerable<string> Lines<TId, T>(IEnumerable<KeyValuePair<TId, T>> map) => map
            .OrderBy(pair => pair.Key!.ToString(), StringComparer.Ordinal)
            .Select(pair => typeof(T).Name + " " + JsonSerializer.Serialize(pair.Value, StoreJson.Options));

        return string.Join('\n', (IEnumerable<string>)
        [
            JsonSerializer.Serialize(configuration.Settings, StoreJson.Options),
            .. Lines(configuration.Groups), .. Lines(configuration.Users), .. Lines(configuration.Peers),
            .. Lines(configuration.SetupKeys), .. Lines(configuration.Providers), .. Lines(configuration.Policies),
            .. Lines(configuration.Guardrails), .. Lines(configuration.BudgetRules), .. Lines(configuration.AccessTokens),
            .. Lines(configuration.EndedSessions),
        ]);
    }
}
