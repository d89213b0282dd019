using NetBird.WireGuard.Userspace;
using NetBird.WireGuard.Userspace.Sockets;

namespace NetBird.WireGuard.Tests.Userspace;

public sealed class CookieBudgetTests
{
    private readonly JumpingTime _time = new(new DateTimeOffset(2026, 1, 5, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public void TryTake_FloodFromOneAddress_LeavesOthersTheirOwn()
    {
        var budget = new CookieBudget(new EngineClock(_time));
        var given = Enumerable.Range(0, 100_000).Count(_ => budget.TryTake(From(1)));
        Assert.InRange(given, 5, 1_000);

        Assert.False(budget.TryTake(From(1)));
        Assert.All(Enumerable.Range(2, 5), _ => Assert.True(budget.TryTake(From(2))));
    }

    [Fact]
    public void TryTake_FloodFromManyAddresses_IsBounded()
    {
        var budget = new CookieBudget(new EngineClock(_time));
        var given = 0;
        for (var ms = 0; ms < 1_000; ms++)
        {
            given += Enumerable.Range(0, 100).Count(i => budget.TryTake(From((ms * 100) + i)));
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }

        // 10,000 a second and what had been saved up.
        Assert.InRange(given, 9_000, 11_100);
    }

    private static DatagramSource From(int address)
        => new(((UInt128)0xFFFF << 32) | (0x0A000000u + (uint)address), 51820, 0, default, 0);
}
