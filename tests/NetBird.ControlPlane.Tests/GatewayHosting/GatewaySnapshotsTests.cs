using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.GatewayHosting;
using NetBird.ControlPlane.Tests.Store;
using NetBird.Gateway;

namespace NetBird.ControlPlane.Tests.GatewayHosting;

/// <summary>What a gateway knows follows each change by what that touches; it has to be what a fresh start would build.</summary>
public sealed class GatewaySnapshotsTests
{
    [Fact]
    public async Task Follow_OfThreeHundredChanges_IsWhatAFreshStartBuilds()
    {
        await using var plane = await RunningControlPlane.StartAsync();
        var snapshots = plane.Services.GetRequiredService<GatewaySnapshots>();
        var random = new Random(20261126);
        for (var i = 0; i < 300; i++)
        {
            await plane.Store.CommitAsync(Actor.System, RandomChanges.Next(random), CancellationToken.None);

            var fresh = GatewaySnapshots.Build(plane.Store.Current, _ => new("http://127.0.0.1"));
            Assert.Equal(TextOf(fresh), TextOf(snapshots.Current!));
        }
    }

    [Fact]
    public async Task Change_OfAPerson_KeepsPoliciesAndOtherMachines()
    {
        await using var plane = await RunningControlPlane.StartAsync();
        var ana = await plane.AddPersonAsync("ana@example.com");
        var snapshots = plane.Services.GetRequiredService<GatewaySnapshots>();
        var before = snapshots.Current!;

        await plane.ChangeAsync(ana, user => user with { Name = "Ana" });

        Assert.NotSame(before, snapshots.Current);
        Assert.Same(before.Policies, snapshots.Current!.Policies);
        Assert.Same(before.Providers, snapshots.Current.Providers);
    }

    private static string TextOf(GatewaySnapshot snapshot)
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{snapshot.Version} {snapshot.AccountName} {snapshot.Contact}\n");
        foreach (var (address, peer) in snapshot.Peers.OrderBy(pair => pair.Key.ToString(), StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"{address} {peer.Caller.User} {peer.Caller.Peer} {string.Join(',', peer.Caller.Groups)} {peer.Standing} {peer.LoginExpiresAt}\n");
        }

        foreach (var policy in snapshot.Policies.Policies)
        {
            text.Append(CultureInfo.InvariantCulture, $"{policy.Id} {policy.Name} {string.Join(',', policy.SourceGroups)}\n");
        }

        return text.ToString();
    }
}
