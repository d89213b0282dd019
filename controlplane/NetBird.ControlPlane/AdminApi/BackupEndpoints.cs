using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Backups;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Usage;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>/api/backup</c> and <c>/api/verification</c>: the store's own care.</summary>
internal static class BackupEndpoints
{
    public static void MapBackup(this IEndpointRouteBuilder api)
    {
        api.MapGet("/backup", (Delegate)BackupAsync).WithMetadata(new Access(Role.Owner)).WithTags("Operations")
            .Produces<byte[]>(contentType: "application/x-tar");
        api.MapGet("/verification", (Delegate)VerifyAsync).ForAuditors().WithTags("Operations").Produces<VerificationAnswer>();
    }

    private static async Task BackupAsync(HttpContext http, IConfigurationStore store, AccountState state)
    {
        await store.CommitAsync(
            http.Caller().Actor,
            draft =>
            {
                draft.Note(new(AuditActions.BackupMade, "state", "", "state directory"));
                return true;
            },
            http.RequestAborted);
        http.Response.ContentType = "application/x-tar";
        http.Response.Headers.ContentDisposition = "attachment; filename=netbird-controlplane.tar";

        // Tar writes synchronously in places; what Kestrel sends is not held up by it.
        await using var body = http.Response.BodyWriter.AsStream(leaveOpen: true);
        await StateBackup.WriteAsync(state.Directory, state.Database, body, http.RequestAborted);
    }

    private static async Task<IResult> VerifyAsync(HttpContext http, ConfigurationStore store)
    {
        var audit = await store.VerifyAuditAsync(http.RequestAborted);
        var usage = http.RequestServices.GetService<IUsageLedger>() is { } ledger
            ? await ledger.VerifyAsync(http.RequestAborted)
            : [];
        return Paging.Json(new VerificationAnswer(audit.Faults.Count == 0 && usage.IsEmpty, audit.Entries, audit.Faults, usage));
    }
}

/// <summary>Outcome of checking the audit log and the usage ledger.</summary>
internal sealed record VerificationAnswer(bool Good, long AuditEntries, IEnumerable<string> AuditFaults, IEnumerable<string> UsageFaults);
