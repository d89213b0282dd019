using NetBird.Primitives;

namespace NetBird.Policy.WhatIf;

/// <summary>A request that was let through, as the ledger remembers it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Begun">When it came.</param>
/// <param name="Ended">When it was settled; not before it came.</param>
/// <param name="Caller">Who it was, with the groups of that time.</param>
/// <param name="Request">What it asked for.</param>
/// <param name="Tokens">What it used.</param>
/// <param name="Cost">What it cost then.</param>
public sealed record PastRequest(
    RequestId Id, DateTimeOffset Begun, DateTimeOffset Ended, Caller Caller, ModelRequest Request, long Tokens, NanoUsd Cost);
