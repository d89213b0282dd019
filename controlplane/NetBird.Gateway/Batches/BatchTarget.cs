namespace NetBird.Gateway.Batches;

/// <summary>Which call about batches, and about which one.</summary>
/// <param name="Call">The call.</param>
/// <param name="Id">The provider's id of the batch; empty where none is named.</param>
internal sealed record BatchTarget(BatchCall Call, string Id)
{
    private const string Batches = "/v1/messages/batches";

    /// <summary>Answers of which every byte must be read here: asked for uncompressed and whole.</summary>
    public bool IsRead => Call is BatchCall.Create or BatchCall.Results;

    /// <summary>Of a target that <see cref="Inspection.RequestRoute"/> takes for a call about batches; null for one the API does not have.</summary>
    public static BatchTarget? Of(string method, ReadOnlySpan<char> path)
    {
        if (path.Equals(Batches, StringComparison.Ordinal))
        {
            return new(method == "POST" ? BatchCall.Create : BatchCall.List, "");
        }

        var rest = path[(Batches.Length + 1)..];
        var slash = rest.IndexOf('/');
        var (id, what) = slash < 0 ? (rest.ToString(), "") : (rest[..slash].ToString(), rest[(slash + 1)..].ToString());
        return (method, what) switch
        {
            ("GET", "") => new(BatchCall.Read, id),
            ("GET", "results") => new(BatchCall.Results, id),
            ("POST", "cancel") => new(BatchCall.Cancel, id),
            ("DELETE", "") => new(BatchCall.Delete, id),
            _ => null,
        };
    }
}

/// <summary>The calls of the API about batches.</summary>
internal enum BatchCall
{
    /// <summary><c>POST /v1/messages/batches</c>.</summary>
    Create = 1,

    /// <summary><c>GET /v1/messages/batches</c>.</summary>
    List = 2,

    /// <summary><c>GET /v1/messages/batches/{id}</c>.</summary>
    Read = 3,

    /// <summary><c>GET /v1/messages/batches/{id}/results</c>.</summary>
    Results = 4,

    /// <summary><c>POST /v1/messages/batches/{id}/cancel</c>.</summary>
    Cancel = 5,

    /// <summary><c>DELETE /v1/messages/batches/{id}</c>.</summary>
    Delete = 6,
}
