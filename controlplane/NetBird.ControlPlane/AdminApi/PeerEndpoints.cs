using NetBird.ControlPlane.Forms;
using NetBird.ControlPlane.Peers;
using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/peers</c>: machines come by enrolment; here they are named, approved, blocked and removed.</summary>
internal static class PeerEndpoints
{
    private const string What = "peer";

    private static readonly string[] ReadOnly =
    [
        "id", "ip", "public_key", "connected", "last_seen", "os", "version", "hostname", "tunnel_kind", "user_id", "user_email",
        "setup_key_id", "groups", "ephemeral", "login_expiration_enabled", "login_expired", "login_expires_at", "last_login", "created_at",
        "ssh_enabled",
    ];

    public static void MapPeers(this IEndpointRouteBuilder api)
    {
        var peers = api.MapGroup("/peers").WithTags("Peers");
        peers.MapGet("", List).ForEveryone().Lists(
            QueryParameter.ByName, QueryParameter.BySearch, new("user", "Machines of the person with this id."), new("ip", "The overlay address.")).Produces<PeerAnswer[]>();
        peers.MapGet("/{id}", Get).ForEveryone().Produces<PeerAnswer>();
        peers.MapPut("/{id}", ReplaceAsync).ForAdmins()
            .Takes((form, _, _) => Read(form, new() { Id = PeerId.New(), Name = "-", PublicKey = default, OverlayAddress = System.Net.IPAddress.None, User = UserId.New() })).Produces<PeerAnswer>();
        peers.MapDelete("/{id}", DeleteAsync).ForAdmins().Produces(200);
    }

    private static IResult List(HttpContext http, IConfigurationStore store, PeerActivity activity, TimeProvider time)
    {
        var caller = http.Caller();
        var configuration = store.Current;
        var query = http.Request.Query;
        return Paging.Array(http, configuration.Peers.Values
            .Where(peer => caller.ReadsAll || peer.User == caller.User.Id)
            .Where(peer => Search.Matches(http, peer.Name, peer.Hostname, peer.OverlayAddress.ToString()))
            .Where(peer => !query.TryGetValue("user", out var user) || peer.User.Value == user)
            .Where(peer => !query.TryGetValue("ip", out var ip) || peer.OverlayAddress.ToString() == ip)
            .OrderBy(peer => peer.Name, StringComparer.OrdinalIgnoreCase).ThenBy(peer => peer.Id)
            .Select(peer => PeerAnswer.Of(configuration, peer, activity, time.GetUtcNow())).ToList());
    }

    private static IResult Get(string id, HttpContext http, IConfigurationStore store, PeerActivity activity, TimeProvider time)
        => PeerId.TryParse(id, out var key) && store.Current.Peers.TryGetValue(key, out var peer)
            && (http.Caller().ReadsAll || peer.User == http.Caller().User.Id)
                ? Paging.Json(PeerAnswer.Of(store.Current, peer, activity, time.GetUtcNow()))
                : Problems.NotFound(What);

    private static Task<IResult> ReplaceAsync(string id, HttpContext http, Commits commits, PeerActivity activity, TimeProvider time)
        => commits.RunAsync(http, (draft, form) =>
        {
            if (!PeerId.TryParse(id, out var key) || !draft.Peers.TryGet(key, out var existing))
            {
                return Problems.NotFound(What);
            }

            var peer = Read(form, existing);
            draft.Peers.Put(peer);
            return Paging.Json(PeerAnswer.Of(draft.ToConfiguration(0), peer, activity, time.GetUtcNow()));
        });

    private static Peer Read(Form form, Peer existing)
    {
        form.Ignore(ReadOnly);
        var peer = existing with
        {
            Name = form.Name("name", existing.Name),
            Approved = !form.Flag("approval_required", !existing.Approved),
            Blocked = form.Flag("blocked", existing.Blocked),
        };
        form.RefuseUnknown();
        return peer;
    }

    private static Task<IResult> DeleteAsync(string id, HttpContext http, Commits commits)
        => commits.RunAsync(http, draft => PeerId.TryParse(id, out var key) && draft.Peers.Remove(key)
            ? Deleted.Answer
            : Problems.NotFound(What));
}
