using System.Net;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Gateways;

/// <summary>Enters this node among the gateways that share a database, so that every management node tells agents of it.</summary>
internal static class GatewayRegistration
{
    /// <summary>This gateway's overlay address: the one it has, or a free one that is its own from now on.</summary>
    /// <exception cref="StartException">Other nodes have another overlay, or no address is left.</exception>
    public static Task<IPAddress> AddressAsync(
        IConfigurationStore store, PublicKey key, IPNetwork overlay, TimeProvider time, CancellationToken cancellationToken)
        => store.CommitAsync(
            Actor.System,
            draft =>
            {
                if (draft.Gateways.All.FirstOrDefault(other => other.Overlay != overlay.ToString()) is { } other && other.PublicKey != key)
                {
                    throw new StartException(
                        $"Gateway {other.Name} of this database uses the overlay {other.Overlay}, this node {overlay}: give all nodes the same --overlay.");
                }

                var id = GatewayRecord.IdOf(key);
                var known = draft.Gateways.Find(id);
                var address = known is not null && known.Overlay == overlay.ToString()
                    ? known.OverlayAddress
                    : FreeAddress(draft, overlay) ?? throw new StartException("Every address of the overlay is taken; remove machines first.");
                draft.Gateways.Put((known ?? new GatewayRecord
                {
                    Id = id,
                    Name = Environment.MachineName,
                    PublicKey = key,
                    OverlayAddress = address,
                    Overlay = overlay.ToString(),
                    CreatedAt = time.GetUtcNow(),
                }) with
                { OverlayAddress = address, Overlay = overlay.ToString() });
                return address;
            },
            cancellationToken);

    /// <summary>Tells where this gateway is dialled, once its tunnel is up.</summary>
    public static Task<bool> AnnounceAsync(
        IConfigurationStore store, PublicKey key, string endpoint, CancellationToken cancellationToken)
        => store.CommitAsync(
            Actor.System,
            draft =>
            {
                if (draft.Gateways.Find(GatewayRecord.IdOf(key)) is { } known)
                {
                    draft.Gateways.Put(known with { Name = Environment.MachineName, Endpoint = endpoint, Version = ProductVersion.Text });
                }

                return true;
            },
            cancellationToken);

    /// <summary>The first address for the first gateway, as with one process; the others from the far end, which peers reach last.</summary>
    private static IPAddress? FreeAddress(ConfigurationDraft draft, IPNetwork overlay)
    {
        var taken = draft.Peers.All.Select(peer => peer.OverlayAddress).Concat(draft.Gateways.All.Select(gateway => gateway.OverlayAddress)).ToHashSet();
        var first = OverlayAddresses.GatewayOf(overlay);
        if (!taken.Contains(first))
        {
            return first;
        }

        var (lowest, highest) = OverlayAddresses.PeerRange(overlay);
        for (var number = highest; number >= lowest; number--)
        {
            if (!taken.Contains(OverlayAddresses.AddressOf(number)))
            {
                return OverlayAddresses.AddressOf(number);
            }
        }

        return null;
    }
}
