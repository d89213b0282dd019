using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using NetBird.ControlPlane.Hosting;

namespace NetBird.ControlPlane.Tests.Hosting;

public sealed class StateDiskTests
{
    [Theory]
    [InlineData(StateDisk.FewBytes, null)]
    [InlineData(StateDisk.FewBytes - 1, StateDisk.FewBytes - 1)]
    [InlineData(0L, 0L)]
    public void FreeIfLittle_OfADisk_IsToldWhereItIsLittle(long free, long? told)
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var disk = new StateDisk(() => free, services.GetRequiredService<IMeterFactory>());

        Assert.Equal(told, disk.FreeIfLittle);
    }
}
