using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using NetBird.Gateway.Refusals;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.Gateway.Batches;

/// <summary>
/// Whose a batch is. All people share the provider's key, to which every batch is the same: here a batch is its creator's alone, and
/// the list, which would show everybody's, is not offered.
/// </summary>
internal sealed partial class BatchDesk(IBatchRegister register, TimeProvider time, ILogger<BatchDesk> logger)
{
    // Batches that the register could not take, until it can: they exist, and their creator waits for their results.
    private readonly ConcurrentDictionary<string, RegisteredBatch> _unwritten = new(StringComparer.Ordinal);

    /// <summary>Looks up the batch that a call is about; a refusal when it is not the caller's.</summary>
    public async ValueTask<Refusal?> ClaimAsync(GatewayCall call)
    {
        var target = call.Batch!;
        if (target.Call is BatchCall.Create)
        {
            return null;
        }

        if (target.Call is BatchCall.List)
        {
            return Refusal.Because(
                DenyReason.CallNotOffered, "The list of batches would be everybody's and is not offered here; ask for a batch of yours by its id.");
        }

        try
        {
            call.RegisteredBatch = await FindAsync(target.Id, call.Http.RequestAborted).ConfigureAwait(false);
        }
        catch (IOException unreadable)
        {
            Log.Unreadable(logger, unreadable);
            return Refusal.CannotDecide("The register of batches cannot be read, so no batch is let through.");
        }

        return call.RegisteredBatch?.User == call.Peer!.Caller.User
            ? null
            : Refusal.Because(DenyReason.CallNotOffered, "There is no batch of this id that you created here.");
    }

    /// <summary>The provider took a batch: it is its creator's from now on.</summary>
    public async ValueTask RegisterAsync(GatewayCall call, string id)
    {
        var charged = call.Charged!;
        var requests = call.Request!.Batch ?? [];
        var batch = new RegisteredBatch(
            id, charged.Provider, call.Peer!.Caller.User, charged.Policy, charged.Group, call.Request.SessionId, time.GetUtcNow(),
            requests.Length, call.Body.Length);
        _unwritten[id] = batch;
        await WriteAsync(batch).ConfigureAwait(false);
    }

    private async ValueTask<RegisteredBatch?> FindAsync(string id, CancellationToken cancellationToken)
    {
        if (!_unwritten.TryGetValue(id, out var waiting))
        {
            return await register.FindAsync(id, cancellationToken).ConfigureAwait(false);
        }

        await WriteAsync(waiting).ConfigureAwait(false);
        return waiting;
    }

    private async ValueTask WriteAsync(RegisteredBatch batch)
    {
        try
        {
            await register.AddAsync(batch, CancellationToken.None).ConfigureAwait(false);
            _unwritten.TryRemove(batch.Id, out _);
        }
        catch (IOException failed)
        {
            Log.NotRegistered(logger, failed, batch.Id, batch.User);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Batches + 1, LogLevel.Error, "The register of batches cannot be read; calls about batches are refused")]
        public static partial void Unreadable(ILogger logger, Exception exception);

        [LoggerMessage(EventIds.Batches + 2, LogLevel.Error,
            "Batch {Batch} of {User} is not in the register yet; it is tried again when it is asked for, and lost to its creator if this process ends before")]
        public static partial void NotRegistered(ILogger logger, Exception exception, string batch, UserId user);
    }
}
