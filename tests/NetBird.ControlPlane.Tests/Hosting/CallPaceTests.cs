using Microsoft.Extensions.Time.Testing;
using NetBird.ControlPlane.Hosting;

namespace NetBird.ControlPlane.Tests.Hosting;

public sealed class CallPaceTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Take_OfABurst_IsTakenAndOneMoreIsToldHowLongToWait()
    {
        var pace = new CallPace(burst: 3, perMinute: 60, _time);

        Assert.All(Enumerable.Range(0, 3), _ => Assert.Equal(TimeSpan.Zero, pace.Take("ana")));
        Assert.Equal(TimeSpan.FromSeconds(1), pace.Take("ana"));
        Assert.Equal(TimeSpan.Zero, pace.Take("bo"));
    }

    [Fact]
    public void Take_AfterTheWait_IsTakenOnce()
    {
        var pace = new CallPace(burst: 3, perMinute: 60, _time);
        for (var i = 0; i < 4; i++)
        {
            pace.Take("ana");
        }

        _time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Equal(TimeSpan.FromMilliseconds(1), pace.Take("ana"));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(TimeSpan.Zero, pace.Take("ana"));
        Assert.Equal(TimeSpan.FromSeconds(1), pace.Take("ana"));
    }

    [Fact]
    public async Task Take_FromManyAtOnce_LetsNoMoreThanTheBurstThrough()
    {
        var pace = new CallPace(burst: 100, perMinute: 60, _time);
        var taken = 0;

        await Parallel.ForAsync(0, 1000, (_, _) =>
        {
            if (pace.Take("ana") == TimeSpan.Zero)
            {
                Interlocked.Increment(ref taken);
            }

            return default;
        });

        Assert.Equal(100, taken);
    }

    [Fact]
    public void Callers_WhoPaused_AreForgotten()
    {
        var pace = new CallPace(burst: 3, perMinute: 60, _time);
        for (var i = 0; i < 10_000; i++)
        {
            pace.Take($"caller {i}");
            _time.Advance(TimeSpan.FromMilliseconds(10));
        }

        // Each is of interest for a second: a hundred at a time.
        Assert.InRange(pace.Known, 100, 2048);
    }
}
