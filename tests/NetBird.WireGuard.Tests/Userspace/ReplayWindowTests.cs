using CsCheck;
using NetBird.WireGuard.Userspace;
using NetBird.WireGuard.Userspace.Sessions;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>The window against a plain set of counters, and at the edges that wireguard-go's tests visit.</summary>
public sealed class ReplayWindowTests
{
    [Fact]
    public void TryTake_AnyOrder_AgreesWithASetOfCounters()
    {
        // Steps around the edges of words, of the window, and of leaps past all of it.
        var step = Gen.OneOf(
            Gen.Long[-70, 70], Gen.Long[-8_200, -8_000], Gen.Long[-20_000, 20_000], Gen.Const(0L), Gen.Const(8_128L), Gen.Const(-8_128L), Gen.Const(-8_129L));
        step.List[1, 400].Sample(
            steps =>
            {
                var window = new ReplayWindow();
                var seen = new HashSet<ulong>();
                var greatest = 0UL;
                var any = false;
                foreach (var delta in steps)
                {
                    var signed = (long)greatest + delta;
                    var counter = signed < 0 ? 0 : (ulong)signed;
                    var expected = (!any || counter + ReplayWindow.Size >= greatest) && seen.Add(counter);
                    if (window.TryTake(counter) != expected)
                    {
                        return false;
                    }

                    if (expected)
                    {
                        any = true;
                        greatest = Math.Max(greatest, counter);
                    }
                }

                return true;
            },
            iter: Fuzzing.Cases / 50);
    }

    [Fact]
    public void TryTake_AtTheEnds_HoldsTheLimits()
    {
        var window = new ReplayWindow();
        Assert.True(window.TryTake(0));
        Assert.False(window.TryTake(0));
        Assert.True(window.TryTake(ReplayWindow.Size));
        Assert.True(window.TryTake(1));
        Assert.False(window.TryTake(0));
        Assert.True(window.TryTake(ReplayWindow.Size + 2));
        Assert.False(window.TryTake(1));
        Assert.True(window.TryTake(Limits.RejectAfterMessages - 1));
        Assert.False(window.TryTake(Limits.RejectAfterMessages));
        Assert.False(window.TryTake(ulong.MaxValue));
        Assert.False(window.TryTake(ReplayWindow.Size));
        Assert.Equal(8128UL, ReplayWindow.Size);
    }

    // The moves that wireguard-go's replay_test.go makes: forward, back within the window, across its whole length, again from a leap.
    [Fact]
    public void TryTake_ForwardAndBack_EachOnce()
    {
        const ulong Last = ReplayWindow.Size;
        var window = new ReplayWindow();
        Check(true, 0, 1);
        Check(false, 1);
        Check(true, 9, 8, 7);
        Check(false, 7);
        Check(true, Last);
        Check(true, Last - 1);
        Check(false, Last - 1);
        Check(true, Last - 2, 2);
        Check(false, 2);
        Check(true, Last + 16, 3 + 16);
        Check(false, 3, 15, Last + 16);
        Check(true, Last * 4);
        Check(false, (Last * 4) - Last - 1, 10, Last);
        Check(true, (Last * 4) - Last, (Last * 4) - Last + 1, (Last * 4) - 1);

        window = new ReplayWindow();
        for (var counter = 1UL; counter <= Last; counter++)
        {
            Check(true, counter);
        }

        Check(true, 0);
        Check(false, 0);

        window = new ReplayWindow();
        for (var counter = Last + 1; counter >= 1; counter--)
        {
            Check(true, counter);
        }

        Check(false, 0);

        void Check(bool expected, params ulong[] counters)
            => Assert.All(counters, counter => Assert.Equal(expected, window.TryTake(counter)));
    }
}
