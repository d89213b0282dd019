using System.Globalization;
using NetBird.Gateway.Authorization;
using NetBird.Policy;
using NetBird.Policy.Limits;

namespace NetBird.Gateway.Refusals;

/// <summary>
/// What a refused caller gets, in the provider's own envelope. Statuses are chosen by what Claude Code does with them: 401 and
/// 403 are retried for four minutes before the person sees anything, 404 and 413 lose the text (measured on 2.1.331).
/// </summary>
internal sealed record Refusal
{
    /// <summary>Ours: stores and databases that fail over are back within this.</summary>
    private static readonly TimeSpan TryAgainSoon = TimeSpan.FromSeconds(5);

    private Refusal(DenyReason reason, int status, string errorType, string what)
    {
        Reason = reason;
        Status = status;
        ErrorType = errorType;
        What = what;
    }

    public DenyReason Reason { get; }

    public int Status { get; }

    public string ErrorType { get; }

    /// <summary>What happened, without whom to ask.</summary>
    public string What { get; }

    /// <summary>Waiting and asking again is pointless: said in <c>x-should-retry</c>.</summary>
    public bool Final { get; private init; } = true;

    /// <summary>Whether an administrator can do something about it.</summary>
    public bool NamesContact { get; private init; } = true;

    public TimeSpan? RetryAfter { get; private init; }

    /// <summary>The counter in the way, where a limit is reached.</summary>
    public CounterReading? Reached { get; private init; }

    /// <summary>It is the counters that cannot be read: said in the header that clients have for it.</summary>
    public bool ForCounters { get; private init; }

    /// <summary>When the request would fit; null where no waiting helps.</summary>
    public DateTimeOffset? FitsAt { get; private init; }

    /// <summary>Policy, model, guardrail, identity: 400 <c>policy_blocked</c>, shown at once with our words.</summary>
    public static Refusal Because(DenyReason reason, string what)
        => new(reason, 400, "policy_blocked", what) { NamesContact = reason is not DenyReason.Malformed };

    /// <summary>We cannot decide, so the answer is no; it may be yes in a moment.</summary>
    public static Refusal CannotDecide(string what)
        => new(DenyReason.CheckFailed, 503, "api_error", what) { Final = false, RetryAfter = TryAgainSoon };

    /// <summary>As <see cref="CannotDecide"/>, since what is used cannot be told.</summary>
    public static Refusal CountersUnreadable(string what) => CannotDecide(what) with { ForCounters = true };

    /// <summary>As Anthropic answers it; Claude Code shows its own text for 413.</summary>
    public static Refusal TooLarge(long maxBytes)
        => new(DenyReason.Malformed, 413, "request_too_large", string.Create(
            CultureInfo.InvariantCulture, $"Request exceeds the maximum size of {maxBytes / (1024 * 1024)} MB")) { NamesContact = false };

    /// <summary>A cap has no room for the request.</summary>
    public static Refusal LimitReached(ReserveOutcome.Full full, DateTimeOffset now)
        => new(DenyReason.LimitReached, 429, "billing_error", LimitText.Sentence(full, now))
        {
            Reached = full.Reached,
            FitsAt = full.RetryAt,
            RetryAfter = full.RetryAt is { } at ? TimeSpan.FromSeconds(Math.Max(1, Math.Ceiling((at - now).TotalSeconds))) : null,
        };

    /// <summary>The provider refused our key: an administrator's problem, which no retry of the person's can solve.</summary>
    public static Refusal KeyRefused(string provider)
        => new(DenyReason.ProviderKeyRefused, 502, "api_error", $"The provider \"{provider}\" does not accept this account's key.");

    /// <summary>No answer from the provider; asking again may help, as it would without us.</summary>
    public static Refusal Unreachable(string provider, string what)
        => new(DenyReason.ProviderUnreachable, 502, "api_error", $"The provider \"{provider}\" {what}.") { Final = false, NamesContact = false };
}
