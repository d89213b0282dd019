using NetBird.Gateway.OwnAnswers;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>A person's spend from the roll-ups.</summary>
internal sealed class LedgerSpend(IUsageLedger ledger) : IPersonSpend
{
    public async ValueTask<PersonSpend> OfAsync(UserId user, DateTimeOffset now, CancellationToken cancellationToken) => new(
        await SinceAsync(user, now.AddDays(-1), now, cancellationToken),
        await SinceAsync(user, now.AddDays(-7), now, cancellationToken),
        await SinceAsync(user, now.AddDays(-30), now, cancellationToken));

    private async ValueTask<NanoUsd> SinceAsync(UserId user, DateTimeOffset from, DateTimeOffset to, CancellationToken cancellationToken)
        => (await ledger.SumAsync(from, to.AddSeconds(1), user, cancellationToken)).Cost;
}
