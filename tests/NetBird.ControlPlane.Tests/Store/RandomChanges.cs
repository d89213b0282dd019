using NetBird.ControlPlane.Groups;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Policies;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Store;

/// <summary>Any small change of an account of a few people, machines, groups and policies; the same for the same random numbers.</summary>
internal static class RandomChanges
{
    public static Func<ConfigurationDraft, bool> Next(Random random)
    {
        // Taken before the change, which may run twice.
        var (what, which, value) = (random.Next(10), random.Next(12), random.Next(4));
        return draft =>
        {
            switch (what)
            {
                case 0:
                    draft.Groups.Put(new() { Id = new($"g{which}"), Name = $"Group {which} {value}", GrantsRole = value == 0 ? Role.Admin : null });
                    break;
                case 1 when which % 3 == 0:
                    draft.Groups.Remove(new($"g{which}"));
                    break;
                case 2 or 3:
                    draft.Users.Put(new()
                    {
                        Id = new($"u{which}"), Name = $"Person {which}", Issuer = "https://idp.example", Subject = $"s{which}-{value}",
                        Status = value == 1 ? UserStatus.Disabled : UserStatus.Active, AutoGroups = [new($"g{which}"), new($"g{value}")],
                    });
                    break;
                case 4 when which % 3 == 0:
                    draft.Users.Remove(new($"u{which}"));
                    break;
                case 5 or 6:
                    draft.Peers.Put(Machine(which, value));
                    break;
                case 7:
                    draft.Peers.Remove(new($"p{which}"));
                    break;
                case 8:
                    draft.Policies.Put(new() { Id = new($"pol{value}"), Name = $"Policy {which}", SourceGroups = [new($"g{which}")], Enabled = true });
                    break;
                default:
                    draft.Settings.Put(new() { AccountName = $"Account {which} {value}" });
                    break;
            }

            return true;
        };
    }

    /// <summary>The same machine may come back with another key and another address, which nobody else has.</summary>
    private static Peer Machine(int which, int value) => new()
    {
        Id = new($"p{which}"),
        Name = $"machine {which}",
        PublicKey = new([.. Enumerable.Repeat((byte)(1 + (which * 4) + (value / 2)), PublicKey.Size)]),
        OverlayAddress = OverlayAddresses.AddressOf((uint)((100 << 24) + (64 << 16) + 10 + (which * 4) + (value % 2))),
        User = new($"u{(which + value) % 12}"),
        Groups = [new($"g{value}")],
        Blocked = value == 3,
    };
}
