using System.Collections.Immutable;
using NetBird.Policy;
using NetBird.Policy.Limits;
using NetBird.Policy.Pricing;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>What a request would take from caps under each candidate, by the prices in force and what was learned.</summary>
internal sealed class RequestPricing(Func<PriceTable> prices, UsageEstimator estimator)
{
    /// <summary>Demands in the order of the candidates; worked out once for each provider among them.</summary>
    public void Fill(
        ImmutableArray<Candidate> candidates, ModelRequest request, DateTimeOffset at, Span<Demand> demands)
    {
        var table = prices();
        for (var i = 0; i < demands.Length; i++)
        {
            var provider = candidates[i].Provider;
            if (i > 0 && candidates[i - 1].Provider == provider)
            {
                demands[i] = demands[i - 1];
                continue;
            }

            demands[i] = request.Kind is RequestKind.Batches ? OfBatch(table, provider, request.Batch ?? [], at) : Of(table, provider, request, at);
        }
    }

    private Demand Of(PriceTable table, ProviderId provider, ModelRequest request, DateTimeOffset at)
    {
        var bound = table.UpperBound(provider, request, at);
        var (tokens, nanoUsd) = estimator.Estimate(provider, request, table.Find(provider, request.Model, at).Price, bound);
        return new(tokens, nanoUsd, bound.Tokens, bound.Cost.Value);
    }

    /// <summary>All requests of a batch at half of list price; every other call about batches asks for nothing.</summary>
    private Demand OfBatch(PriceTable table, ProviderId provider, ImmutableArray<ModelRequest> requests, DateTimeOffset at)
    {
        Int128 tokens = 0, nanoUsd = 0, boundTokens = 0, boundNanoUsd = 0;
        foreach (var request in requests)
        {
            var one = Of(table, provider, request, at);
            tokens += one.Tokens;
            nanoUsd += one.NanoUsd;
            boundTokens += one.BoundTokens;
            boundNanoUsd += one.BoundNanoUsd;
        }

        return new(Within(tokens), Within((nanoUsd + 1) / 2), Within(boundTokens), Within((boundNanoUsd + 1) / 2));

        static long Within(Int128 amount) => (long)Int128.Min(amount, long.MaxValue / 2);
    }

    /// <summary>Takes note of what a request used, for the next estimate.</summary>
    public void Learn(ProviderId provider, ModelRequest request, in TokenUsage tokens, NanoUsd cost, DateTimeOffset at)
        => estimator.Learn(
            provider, request.Model, request.BodyBytes, tokens, cost, prices().Find(provider, request.Model, at).Price.Rates.Output);
}
