using CsCheck;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>Records for tests.</summary>
internal static class Rows
{
    public static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    private static readonly Gen<string> Word = Gen.String[Gen.Char["abcé-_"], 1, 12];

    private static readonly Gen<TokenUsage> Tokens = Gen.Select(
        Gen.Long[0, 1_000_000], Gen.Long[0, 100_000], Gen.Long[0, 5_000_000], Gen.Long[0, 9_000], Gen.Long[0, 9_000],
        (i, o, r, w, h) => new TokenUsage(i, o, r, w, h));

    private static readonly Gen<RequestUsage> Usage = Gen.Select(
        Tokens, Gen.Int[0, 9], Gen.Enum<ServiceTier>(), Gen.Bool, Gen.Bool, Gen.Int[0, 3],
        (t, w, tier, fast, us, code) => new RequestUsage(t, w, tier, fast, us, code));

    /// <summary>Any record, null and empty fields among them. Ids are unique.</summary>
    public static readonly Gen<UsageRecord> Any = Gen.Select(
        Gen.Select(Word.Null(), Word.Array[0, 3], Word.Null(), Word.Null(), Word.Null(), Word.Null()),
        Gen.Select(Gen.Long[0, 400L * TimeSpan.TicksPerDay], Gen.Long[0, TimeSpan.TicksPerHour], Gen.Long[-1, 900_000], Gen.Int[0, 599]),
        Gen.Select(Usage, Gen.Long[0, 9_000_000_000], Gen.Bool, Gen.Bool, Gen.Bool),
        Gen.Select(Gen.Enum<RequestKind>(), Gen.Enum<DenyReason>().Nullable(), Word.Null(), Gen.Long[0, 5_000_000], Gen.Long[0, 50_000]),
        (who, times, what, rest) => new UsageRecord
        {
            Id = RequestId.New(),
            Timestamp = Noon.AddTicks(-times.Item1),
            User = who.Item1 is { } user ? new UserId(user) : null,
            UserName = who.Item1 is { } name ? name + "@example.com" : "",
            Groups = [.. who.Item2.Distinct().Select(group => new GroupId(group))],
            ChargedGroup = who.Item2.Length > 0 ? new GroupId(who.Item2[0]) : null,
            Provider = who.Item3 is { } provider ? new ProviderId(provider) : null,
            Policy = who.Item4 is { } policy ? new PolicyId(policy) : null,
            SessionId = who.Item5,
            AgentId = who.Item6,
            Peer = who.Item6 is { } peer ? new PeerId(peer) : null,
            Duration = new(times.Item2),
            TimeToFirstByte = times.Item3 < 0 ? null : new TimeSpan(times.Item3),
            StatusCode = times.Item4,
            Usage = what.Item1,
            Cost = new(what.Item2),
            Stream = what.Item3,
            PriceUnknown = what.Item4,
            Completeness = what.Item5 ? Completeness.Complete : Completeness.Interrupted,
            Kind = rest.Item1,
            DenyReason = rest.Item2,
            DenyText = rest.Item2 is null ? null : $"You, {who.Item1 ?? "stranger"}, may not. Ask it@acme.example.",
            Model = rest.Item3 ?? "",
            ProviderRequestId = rest.Item3 is null ? null : "req_" + rest.Item3,
            RequestBytes = rest.Item4,
            ResponseBytes = rest.Item5,
            KeyId = rest.Item3 is null ? null : "key-" + rest.Item5 % 3,
        });

    /// <summary>So many of them, the same at every run but for their ids.</summary>
    public static List<UsageRecord> Many(int count) => Any.List[count].Generate(new PCG(42), null, out _);

    /// <summary>A request of a person, a minute after the one before.</summary>
    public static UsageRecord Row(int number, string user = "ann", string group = "eng", long input = 10, long output = 5) => new()
    {
        Id = new($"r{number}"),
        Timestamp = Noon.AddMinutes(number),
        User = new(user),
        UserName = user + "@example.com",
        Groups = [new(group)],
        ChargedGroup = new(group),
        Provider = new("anthropic"),
        Policy = new("policy"),
        Kind = RequestKind.Messages,
        Model = "claude-opus-5-5",
        SessionId = "session-" + user,
        StatusCode = 200,
        Duration = TimeSpan.FromSeconds(3),
        Usage = new(new TokenUsage(input, output)),
        Cost = new((input * 4_000) + (output * 20_000)),
        Completeness = Completeness.Complete,
        RequestBytes = 2_000,
    };
}
