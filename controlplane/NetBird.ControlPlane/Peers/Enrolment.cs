using System.Net;
using NetBird.ControlPlane.Account;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Identity;
using NetBird.ControlPlane.Identity.Tokens;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Tokens;
using NetBird.ControlPlane.Users;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Peers;

/// <summary>
/// Binds a tunnel key to a person or to a setup key's groups. The caller has proved that it holds the key; each
/// answer here is one change of the configuration, so two enrolments never get one address or one use.
/// </summary>
internal sealed class Enrolment(IConfigurationStore store, ServeOptions options, TimeProvider time)
{
    /// <summary>Enrols, or finds enrolled, the machine of somebody who logged in.</summary>
    public Task<EnrolmentOutcome> EnrolPersonAsync(
        PublicKey key, VerifiedIdentity identity, MachineFacts machine, string address, CancellationToken cancellationToken)
        => store.CommitAsync(
            ActorOf(identity, address),
            draft =>
            {
                var now = time.GetUtcNow();
                if (PersonDirectory.SignIn(draft, identity, now) is not { } user)
                {
                    return Refuse(draft, identity.Email, machine, new EnrolmentOutcome.Refused("Your account is disabled or was removed. Ask your administrator."));
                }

                var peer = draft.FindPeer(key);
                if (peer is not null && peer.User != user.Id)
                {
                    return Refuse(draft, user.DisplayName(), machine, new EnrolmentOutcome.Refused(
                        "This machine is enrolled for somebody else. Run 'netbird-agent logout' as that person first."));
                }

                if (peer is { Blocked: true })
                {
                    return Refuse(draft, user.DisplayName(), machine, new EnrolmentOutcome.Refused("An administrator blocked this machine."));
                }

                return Put(draft, peer, key, user, null, machine, ExpiryOf(draft, user, now), now);
            },
            cancellationToken);

    /// <summary>Whether there is a setup key of this secret that may still be used; a look, which writes nothing.</summary>
    public bool IsUsable(string secret)
        => SecretHash.IsWellFormed(secret, SecretHash.SetupKeyPrefix)
            && store.Current.FindSetupKey(SecretHash.Of(secret)) is { } setup && setup.IsUsable(time.GetUtcNow());

    /// <summary>Enrols a machine that has no person.</summary>
    public Task<EnrolmentOutcome> EnrolMachineAsync(
        PublicKey key, string secret, MachineFacts machine, string address, CancellationToken cancellationToken)
    {
        var hash = SecretHash.IsWellFormed(secret, SecretHash.SetupKeyPrefix) ? SecretHash.Of(secret) : null;
        return store.CommitAsync(
            Actor.Unknown("setup key", address),
            draft =>
            {
                var now = time.GetUtcNow();
                var setup = hash is null ? null : draft.SetupKeys.All.FirstOrDefault(setup => setup.Hash == hash);
                if (setup is null)
                {
                    return Refuse(draft, "", machine, new EnrolmentOutcome.NotBelieved("The setup key is wrong."));
                }

                var peer = draft.FindPeer(key);
                if (peer is not null && peer.SetupKey != setup.Id)
                {
                    return Refuse(draft, setup.Name, machine, new EnrolmentOutcome.Refused(
                        "This machine is enrolled in another way. Run 'netbird-agent logout' first."));
                }

                // An answer that got lost is asked for again; that is the same use of the key.
                var usable = peer is null ? setup.IsUsable(now) : !setup.Revoked && !(setup.ExpiresAt <= now);
                if (!usable)
                {
                    return Refuse(draft, setup.Name, machine, new EnrolmentOutcome.NotBelieved(
                        "The setup key was revoked, has expired, or was used as often as it may be."));
                }

                if (draft.Users.Find(setup.ServiceUser) is not { Status: UserStatus.Active } user || peer is { Blocked: true })
                {
                    return Refuse(draft, setup.Name, machine, new EnrolmentOutcome.Refused("An administrator blocked this machine or its setup key's user."));
                }

                if (peer is null)
                {
                    draft.SetupKeys.Put(setup with { UsedTimes = setup.UsedTimes + 1, LastUsed = now }, audited: false);
                }

                return Put(draft, peer, key, user, setup, machine, null, now);
            },
            cancellationToken);
    }

    /// <summary>Takes a fresh login for an enrolled machine; it must be the same person's.</summary>
    public Task<EnrolmentOutcome> RenewAsync(
        PeerId id, VerifiedIdentity identity, string address, CancellationToken cancellationToken)
        => store.CommitAsync(
            ActorOf(identity, address),
            draft =>
            {
                var now = time.GetUtcNow();
                if (draft.Peers.Find(id) is not { } peer)
                {
                    return Abandon(draft, new EnrolmentOutcome.Gone());
                }

                if (PersonDirectory.SignIn(draft, identity, now) is not { } user)
                {
                    return Abandon(draft, new EnrolmentOutcome.Refused("Your account is disabled or was removed. Ask your administrator."));
                }

                if (peer.User != user.Id)
                {
                    return Abandon(draft, new EnrolmentOutcome.Refused("This machine is enrolled for somebody else."));
                }

                peer = peer with { LoginExpiresAt = ExpiryOf(draft, user, now), LastLogin = now };
                draft.Peers.Put(peer, audited: false);
                draft.Note(new(AuditActions.UserLogin, "user", user.Id.Value, user.DisplayName(), $"renewed for {peer.Name}"));
                return new EnrolmentOutcome.Enrolled(peer, user);
            },
            cancellationToken);

    /// <summary>Removes a machine at its own wish.</summary>
    public Task<bool> LeaveAsync(PeerId id, string address, CancellationToken cancellationToken)
        => store.CommitAsync(
            store.Current.Peers.TryGetValue(id, out var peer) && store.Current.Users.TryGetValue(peer.User, out var user)
                ? Actor.Of(user, "agent", address)
                : Actor.System,
            draft => draft.Peers.Remove(id),
            cancellationToken);

    private static EnrolmentOutcome Abandon(ConfigurationDraft draft, EnrolmentOutcome outcome)
    {
        draft.Abandon();
        return outcome;
    }

    /// <summary>Nothing changes but the audit log; what the draft took over from the token is harmless and stays.</summary>
    private static EnrolmentOutcome Refuse(ConfigurationDraft draft, string who, MachineFacts machine, EnrolmentOutcome outcome)
    {
        draft.Note(new(AuditActions.PeerEnrolRefused, "peer", "", machine.Hostname, who.Length == 0 ? outcome.Sentence : $"{who}: {outcome.Sentence}"));
        return outcome;
    }

    private static Actor ActorOf(VerifiedIdentity identity, string address)
        => new(ActorKind.User, identity.Subject, identity.Email.Length > 0 ? identity.Email : identity.Subject, "agent", address);

    private static DateTimeOffset? ExpiryOf(ConfigurationDraft draft, User user, DateTimeOffset now)
        => draft.ToConfiguration(draft.Basis.Version).LoginExpiryOf(user) is { } expiry ? now + expiry : null;

    private EnrolmentOutcome Put(
        ConfigurationDraft draft,
        Peer? before,
        PublicKey key,
        User user,
        SetupKey? setup,
        MachineFacts machine,
        DateTimeOffset? loginExpiresAt,
        DateTimeOffset now)
    {
        var address = before?.OverlayAddress ?? FreeAddress(draft);
        if (address is null)
        {
            return Refuse(draft, user.DisplayName(), machine, new EnrolmentOutcome.Full());
        }

        var settings = draft.Settings.Find(SettingsId.Account) ?? new();
        var peer = before ?? new Peer
        {
            Id = PeerId.New(),
            Name = machine.Hostname.Length > 0 ? machine.Hostname : "machine",
            PublicKey = key,
            OverlayAddress = address,
            User = user.Id,
            SetupKey = setup?.Id,
            Groups = setup?.AutoGroups ?? [],
            Ephemeral = setup?.Ephemeral ?? false,
            Approved = !settings.PeerApprovalRequired,
            CreatedAt = now,
        };
        peer = machine.ApplyTo(peer with { LoginExpiresAt = loginExpiresAt, LastLogin = now, LastSeen = now });
        draft.Peers.Put(peer);
        draft.Note(new(AuditActions.PeerEnrol, "peer", peer.Id.Value, peer.Name, $"for {user.DisplayName()}, key {key.Fingerprint}"));
        return new EnrolmentOutcome.Enrolled(peer, user);
    }

    /// <summary>The lowest address that nobody has; not the network's, the gateway's or the broadcast one. Null: none left.</summary>
    private IPAddress? FreeAddress(ConfigurationDraft draft)
    {
        var (first, last) = OverlayAddresses.PeerRange(options.Overlay);
        for (var number = first; number <= last; number++)
        {
            if (!draft.IsTaken(number))
            {
                return OverlayAddresses.AddressOf(number);
            }
        }

        return null;
    }
}
