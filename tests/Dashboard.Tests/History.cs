using NetBird.ControlPlane.Usage;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace Dashboard.Tests;

/// <summary>Thirty days of usage, the same at every run but for the clock: sessions with turns, lunch breaks, weekends, refusals, a provider that is overloaded now and then.</summary>
internal static class History
{
    private static readonly string[] Models = ["claude-opus-5-5", "claude-sonnet-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"];

    public static List<JournalledRecord> Of(DateTimeOffset now, int days = 30)
    {
        var random = new Random(7);
        var rows = new List<UsageRecord>();
        for (var day = days; day >= 0; day--)
        {
            for (var person = 0; person < Company.Developers.Count; person++)
            {
                var date = now.AddDays(-day);
                if (random.NextDouble() > (date.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday ? 0.08 : 0.55))
                {
                    continue;
                }

                AddSession(rows, person, date.AddHours(-random.NextDouble() * 9), now, random);
            }
        }

        var sequence = 0L;
        return [.. rows.OrderBy(row => row.Timestamp).Select(row => new JournalledRecord(++sequence, row))];
    }

    private static void AddSession(List<UsageRecord> rows, int person, DateTimeOffset at, DateTimeOffset now, Random random)
    {
        var (id, email, _, groups) = Company.Developers[person];
        var support = groups[0] == Company.Groups[5];
        var session = new Guid(random.Next(), (short)random.Next(), (short)random.Next(), [1, 2, 3, 4, 5, 6, 7, (byte)person]).ToString();
        var model = support ? "claude-haiku-5-5" : Models[(person + random.Next(2)) % Models.Length];
        var cached = 12_000L + random.Next(20_000);
        var turns = 4 + random.Next(18);
        for (var turn = 0; turn < turns && at < now; turn++)
        {
            var denied = turn > 3 && random.NextDouble() < (person == 3 ? 0.2 : 0.006);
            var row = new UsageRecord
            {
                Id = RequestId.New(), Timestamp = at, User = id, UserName = email, Peer = new("peer-" + id.Value), Groups = [.. groups],
                ChargedGroup = groups[0], Policy = support ? Company.SupportPolicy : Company.EngineeringPolicy, Provider = Company.Anthropic,
                Kind = RequestKind.Messages, Model = model, SessionId = session, AgentId = turn % 6 == 5 ? "agent-1" : null, Stream = true,
                Completeness = Completeness.Complete, RequestBytes = (cached * 4) + 900,
            };
            var answered = denied ? Refused(row, turn) : Answered(row, cached, turn, random);
            rows.Add(!denied && rows.Count % 61 == 60 ? Overloaded(answered) : answered);
            cached += 600 + random.Next(4_000);
            at = at.AddSeconds(8 + random.Next(170));
        }
    }

    private static UsageRecord Answered(UsageRecord row, long cached, int turn, Random random)
    {
        var written = turn == 0 ? cached : 600 + random.Next(4_000);
        var usage = new RequestUsage(new TokenUsage(
            3 + random.Next(900), 120 + random.Next(1_800), turn == 0 ? 0 : cached, written - (written / 5), written / 5));
        var interrupted = random.NextDouble() < 0.01;
        var priced = PriceTable.Default.Price(Company.Anthropic, row.Model, usage, row.Timestamp);
        return row with
        {
            Usage = usage, Cost = priced.Cost, StatusCode = 200, Duration = TimeSpan.FromMilliseconds(2_100 + random.Next(21_000)),
            TimeToFirstByte = TimeSpan.FromMilliseconds(420 + random.Next(1_600)), ProviderRequestId = "req_01" + row.Id.Value[..8],
            Completeness = interrupted ? Completeness.Interrupted : Completeness.Complete, ResponseBytes = usage.Tokens.Output * 6,
        };
    }

    private static UsageRecord Overloaded(UsageRecord row) => row with
    {
        Usage = default, Cost = NanoUsd.Zero, StatusCode = 529, Duration = TimeSpan.FromMilliseconds(640), TimeToFirstByte = TimeSpan.FromMilliseconds(630),
        Stream = false, Completeness = Completeness.Complete, ResponseBytes = 104,
    };

    private static UsageRecord Refused(UsageRecord row, int turn) => turn % 2 == 0
        ? row with
        {
            DenyReason = DenyReason.LimitReached, StatusCode = 429, Duration = TimeSpan.FromMilliseconds(3),
            DenyText = "You have reached the limit of $160 in any 30 days of policy \"Engineering may use Claude Code\". It frees up from tomorrow 09:14 UTC. Ask it@acme.example.",
        }
        : row with
        {
            DenyReason = DenyReason.ModelNotAllowed, StatusCode = 400, Duration = TimeSpan.FromMilliseconds(2), Model = "claude-mythos-5",
            DenyText = "Model \"claude-mythos-5\" is not allowed by policy \"Engineering may use Claude Code\". Allowed: claude-opus-5*, claude-sonnet-*, claude-haiku-*. Ask it@acme.example.",
        };
}
