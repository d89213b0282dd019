using System.Security.Cryptography;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Providers;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace Dashboard.Tests;

/// <summary>An account as a company of thirty developers has it: people, groups, machines, a provider, policies.</summary>
internal static class Company
{
    public const string Password = "correct horse battery";
    public const string Owner = "olga.owner@acme.example";
    public const string Auditor = "audrey.auditor@acme.example";
    public const string Developer = "ana.moreira@acme.example";
    public const string DeveloperName = "Ana Moreira";

    public static readonly ProviderId Anthropic = new("anthropic");

    private static readonly string[] GroupNames = ["Engineering", "Platform", "Data science", "Mobile", "Security", "Support engineering"];

    private static readonly string[] People =
    [
        "Ana Moreira", "Björn Lindqvist", "Chidi Okafor", "Daniela Rossi", "Emeka Obi", "Fatima Zahra", "Grace Kim", "Hiro Tanaka",
        "Ines Fernández", "Jonas Weber", "Katarzyna Nowak", "Liam O'Brien", "Mei Chen", "Nadia Haddad", "Oskar Nilsson", "Priya Raman",
        "Quentin Dubois", "Rosa Jiménez", "Samuel Adeyemi", "Tariq Aziz", "Uma Krishnan", "Viktor Petrov", "Wanjiru Kamau",
        "Xavier Roux", "Yara Nasser", "Zoltán Kovács", "Amelia Clarke", "Bruno Costa",
    ];

    /// <summary>Ids of the groups, in the order of their names.</summary>
    public static IReadOnlyList<GroupId> Groups { get; } = [.. GroupNames.Select(name => new GroupId(Slug(name)))];

    public static PolicyId EngineeringPolicy { get; } = new("p-engineering");

    public static PolicyId SupportPolicy { get; } = new("p-support");

    /// <summary>Everyone who writes code: id, address, groups.</summary>
    public static IReadOnlyList<(UserId Id, string Email, string Name, GroupId[] Groups)> Developers { get; } =
        [.. People.Select((name, i) => (new UserId(Slug(name)), Slug(name).Replace('-', '.') + "@acme.example", name, GroupsOf(i)))];

    /// <summary>Fills a new account in one commit.</summary>
    public static bool Fill(ConfigurationDraft draft, DateTimeOffset now)
    {
        draft.Settings.Put(new() { AccountName = "Acme", Contact = "it@acme.example" });
        foreach (var (id, name) in Groups.Zip(GroupNames))
        {
            draft.Groups.Put(new() { Id = id, Name = name, CreatedAt = now.AddDays(-90), ModifiedAt = now.AddDays(-90) });
        }

        var hash = PasswordHashing.Hash(Password);
        foreach (var (id, email, name, groups) in Developers)
        {
            draft.Users.Put(Person(id, email, name, hash, now) with { AutoGroups = [.. groups] });
        }

        draft.Users.Put(Person(new("olga"), Owner, "Olga Owner", hash, now) with { Role = Role.Owner });
        draft.Users.Put(Person(new("audrey"), Auditor, "Audrey Auditor", hash, now) with { Role = Role.Auditor });
        PutMachines(draft, now);
        draft.Providers.Put(new()
        {
            Id = Anthropic, Name = "Anthropic", Kind = "sample", Upstream = new("https://api.anthropic.com"), Enabled = true,
            CreatedAt = now.AddDays(-80), ModifiedAt = now.AddDays(-80),
        });
        PutPolicies(draft, now);
        return true;
    }

    /// <summary>A person of the embedded IdP with <see cref="Password"/>.</summary>
    public static User Person(UserId id, string email, string name, string hash, DateTimeOffset now) => new()
    {
        Id = id, Name = name, Email = email, Issuer = User.EmbeddedIssuer, Subject = id.Value,
        Credential = new() { PasswordHash = hash }, CreatedAt = now.AddDays(-60), ModifiedAt = now.AddDays(-60), LastLogin = now.AddHours(-9),
    };

    public static string Slug(string name)
    {
        var plain = name.ToLowerInvariant().Normalize(System.Text.NormalizationForm.FormD);
        return new([.. plain.Where(c => char.IsAsciiLetterOrDigit(c) || c == ' ').Select(c => c == ' ' ? '-' : c)]);
    }

    private static GroupId[] GroupsOf(int person) => person % 7 == 6
        ? [Groups[5]]
        : person % 3 == 0 ? [Groups[0], Groups[1 + (person % 4)]] : person % 3 == 1 ? [Groups[0]] : [Groups[1 + (person % 4)]];

    private static void PutMachines(ConfigurationDraft draft, DateTimeOffset now)
    {
        var number = 2;
        foreach (var (id, _, name, _) in Developers)
        {
            draft.Peers.Put(new()
            {
                Id = new("peer-" + id.Value), Name = Slug(name.Split(' ')[0]) + (number % 4 == 0 ? "-workstation" : "-laptop"),
                PublicKey = new(RandomNumberGenerator.GetBytes(PublicKey.Size)),
                OverlayAddress = OverlayAddresses.AddressOf(0x64400000u + (uint)number), User = id, Os = number % 5 == 0 ? "windows" : "linux",
                AgentVersion = "0.1.0", TunnelKind = number % 3 == 0 ? "rootless" : "kernel", LastSeen = now.AddMinutes(-number * 7),
                LoginExpiresAt = now.AddHours(14 - number), Approved = number != 9, CreatedAt = now.AddDays(-50),
            });
            number++;
        }
    }

    private static void PutPolicies(ConfigurationDraft draft, DateTimeOffset now)
    {
        draft.Guardrails.Put(new()
        {
            Id = new("g-current"), Name = "Current models", AllowlistEnabled = true, AllowedModels = ["claude-opus-5*", "claude-sonnet-*", "claude-haiku-*"],
            MaxTokensEnabled = true, MaxTokens = 64_000, CreatedAt = now.AddDays(-70), ModifiedAt = now.AddDays(-70),
        });
        draft.Policies.Put(new()
        {
            Id = EngineeringPolicy, Name = "Engineering may use Claude Code", Description = "Agreed with finance in Q3.",
            SourceGroups = [.. Groups.Take(5)], Providers = [Anthropic], Guardrails = [new("g-current")],
            Limits = new(new(false, 0, 0, 86400, false), new(true, Usd(4000), Usd(160), 30 * 86400, false)),
            CreatedAt = now.AddDays(-70), ModifiedAt = now.AddDays(-9),
        });
        draft.Policies.Put(new()
        {
            Id = SupportPolicy, Name = "Support may use Haiku", SourceGroups = [Groups[5]], Providers = [Anthropic],
            Limits = new(new(true, 0, 400_000_000, 7 * 86400, true), new(true, Usd(150), 0, 30 * 86400, false)),
            CreatedAt = now.AddDays(-40), ModifiedAt = now.AddDays(-40),
        });
        draft.Policies.Put(new()
        {
            Id = new("p-pilot"), Name = "Security pilot", Enabled = false, SourceGroups = [Groups[4]], Providers = [Anthropic],
            CreatedAt = now.AddDays(-20), ModifiedAt = now.AddDays(-20),
        });
        draft.BudgetRules.Put(new()
        {
            Id = new("b-company"), Name = "Company ceiling", Limits = new(LimitSetting.Off, new(true, 0, Usd(400), 30 * 86400, false)),
            CreatedAt = now.AddDays(-30), ModifiedAt = now.AddDays(-30),
        });
    }

    private static long Usd(long dollars) => dollars * NanoUsd.PerUsd;
}
