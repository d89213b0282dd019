using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Store;
using NetBird.Policy.Limits;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Raises;

/// <summary>Reads a temporary raise: of which cap, by how much, until when.</summary>
internal static class LimitRaiseForm
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(366);
    private const long MaxTokens = 1_000_000_000_000_000;
    private const decimal MaxUsd = 1_000_000_000;

    /// <summary>Reads a new raise; what is wrong is in the form afterwards.</summary>
    /// <param name="form">Fields source_id, scope, subject_id, unit, amount, starts_at, ends_at or duration_seconds, reason.</param>
    /// <param name="draft">What it refers to.</param>
    /// <param name="now">The moment of the request.</param>
    public static LimitRaiseRecord Read(Form form, ConfigurationDraft draft, DateTimeOffset now)
    {
        form.Ignore("id", "source_name", "source_kind", "subject_name", "active", "created_at", "created_by");
        form.Require("source_id");
        var source = form.Text("source_id", "", maxLength: 64, minLength: 1);
        if (LimitsOf(draft, source).Limits is null)
        {
            form.Fail("source_id", "There is no policy and no budget rule with this id.");
        }

        return ReadFor(form, draft, now, source, Subject(form, draft, ScopeOf(form)));
    }

    /// <summary>The same where source and subject are known already; a source that is not there has been told of.</summary>
    public static LimitRaiseRecord ReadFor(Form form, ConfigurationDraft draft, DateTimeOffset now, string source, string subject)
    {
        form.Require("amount");
        var scope = ScopeOf(form);
        var unit = form.Choice("unit", CapUnit.NanoUsd, ("usd", CapUnit.NanoUsd), ("tokens", CapUnit.Tokens));
        var (limits, fromRule) = LimitsOf(draft, source);
        if (limits is not null)
        {
            CheckCap(form, limits, scope, unit);
        }

        var starts = form.Time("starts_at") ?? now;
        var seconds = form.Whole("duration_seconds", 0, 60, (long)Longest.TotalSeconds);
        var length = TimeSpan.FromSeconds(seconds);
        var ends = form.Time("ends_at") ?? (seconds == 0 ? default : starts < DateTimeOffset.MaxValue - length ? starts + length : starts);
        if (ends == default)
        {
            form.Fail("ends_at", "A raise ends by itself: give ends_at, such as 2026-12-01T08:00:00Z, or duration_seconds.");
        }
        else if (ends <= now || ends <= starts || ends - starts > Longest)
        {
            form.Fail("ends_at", "This lies after now and after starts_at, by at most 366 days.");
        }

        var raise = new LimitRaiseRecord
        {
            Id = LimitRaiseId.New(),
            Source = source,
            FromRule = fromRule,
            Scope = scope,
            Subject = subject,
            Unit = unit,
            Amount = Amount(form, unit),
            StartsAt = starts,
            EndsAt = ends,
            Reason = form.Text("reason", "", maxLength: 256),
            CreatedAt = now,
        };
        form.RefuseUnknown();
        return raise;
    }

    private static CapScope ScopeOf(Form form)
        => form.Choice("scope", CapScope.User, ("user", CapScope.User), ("group", CapScope.Group), ("account", CapScope.Account));

    private static (LimitSettings? Limits, bool FromRule) LimitsOf(ConfigurationDraft draft, string source)
        => PolicyId.TryParse(source, out var policy) && draft.Policies.TryGet(policy, out var found) ? (found.Limits, false)
            : BudgetRuleId.TryParse(source, out var rule) && draft.BudgetRules.TryGet(rule, out var ceiling) ? (ceiling.Limits, true)
            : (null, false);

    /// <summary>A raise of a cap that is not there would read as room that nobody has.</summary>
    private static void CheckCap(Form form, LimitSettings limits, CapScope scope, CapUnit unit)
    {
        var limit = unit is CapUnit.NanoUsd ? limits.BudgetLimit : limits.TokenLimit;
        if (!limit.Enabled || (scope is CapScope.User ? limit.UserCap : limit.GroupCap) == 0)
        {
            form.Fail("scope", "The policy or budget rule has no such cap, so there is nothing to raise.");
        }
    }

    private static string Subject(Form form, ConfigurationDraft draft, CapScope scope)
    {
        var subject = form.Text("subject_id", "", maxLength: 64);
        var known = subject.Length == 0 || scope switch
        {
            CapScope.User => UserId.TryParse(subject, out var user) && draft.Users.Contains(user),
            CapScope.Group => GroupId.TryParse(subject, out var group) && draft.Groups.Contains(group),
            _ => false,
        };
        if (!known)
        {
            form.Fail("subject_id", scope switch
            {
                CapScope.User => "There is no person with this id; leave it out to raise everyone's cap.",
                CapScope.Group => "There is no group with this id; leave it out to raise the cap of every group.",
                _ => "The account's cap is nobody's own; leave this out.",
            });
        }

        return subject;
    }

    private static long Amount(Form form, CapUnit unit)
    {
        long amount = 0;
        if (unit is CapUnit.Tokens)
        {
            amount = form.Whole("amount", 0, 1, MaxTokens);
        }
        else if (form.Amount("amount", null, MaxUsd, decimals: 9) is { } usd && NanoUsd.TryFromUsd(usd, out var money))
        {
            amount = money.Value;
        }

        if (amount == 0 && form.IsValid)
        {
            form.Fail("amount", "This is more than zero.");
        }

        return amount;
    }
}
