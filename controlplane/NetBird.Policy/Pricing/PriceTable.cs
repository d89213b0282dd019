using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using NetBird.Primitives;

namespace NetBird.Policy.Pricing;

/// <summary>
/// Dated list prices, with overrides per provider. Immutable.
/// <para>
/// A cost is the exact sum of tokens times whole nano-USD. Batch halves it, inference kept in the US makes it 11 tenths; where that
/// is not whole it is rounded once for the request, half to even, so that rounding has no direction to drift in.
/// </para>
/// </summary>
public sealed class PriceTable
{
    /// <summary>USD 10 for 1,000 searches, besides their tokens.</summary>
    public const long WebSearchNanoUsd = 10 * NanoUsd.PerUsd / 1000;

    /// <summary>
    /// Code that the provider ran, for each request in which it did: USD 0.05 an hour of its container, of which it charges five minutes at
    /// least, rounded up. Free beside a web search. An answer counts runs and tells no time, and not whether the organisation still has
    /// free hours, so this is the least that a started container costs once those are spent.
    /// </summary>
    public const long CodeExecutionNanoUsd = ((5 * NanoUsd.PerUsd / 100) + 11) / 12;

    /// <summary>The longest prompt of any model in the list, tokens: what input without a bound in the body is held to.</summary>
    public const long LongestPromptTokens = 1_000_000;

    /// <summary>The most any model in the list generates in one answer: what a request without <c>max_tokens</c> is held to.</summary>
    public const long LongestOutputTokens = 128_000;

    private readonly FrozenDictionary<string, ImmutableArray<ModelPrice>> _list;
    private readonly FrozenDictionary<ProviderId, FrozenDictionary<string, ImmutableArray<ModelPrice>>> _overrides;
    private readonly FrozenDictionary<string, ModelPrice> _dearestOfFamily;
    private readonly ModelPrice _dearest;
    private readonly long _fastFactor;

    private PriceTable(
        FrozenDictionary<string, ImmutableArray<ModelPrice>> list,
        FrozenDictionary<ProviderId, FrozenDictionary<string, ImmutableArray<ModelPrice>>> overrides)
    {
        _list = list;
        _overrides = overrides;
        var all = list.Values.SelectMany(prices => prices)
            .Concat(overrides.Values.SelectMany(models => models.Values).SelectMany(prices => prices))
            .ToList();
        _fastFactor = Math.Max(1, all.Max(price => price.FastFactor()));
        _dearest = Dearest(all);
        _dearestOfFamily = list.GroupBy(model => Family(model.Key), StringComparer.OrdinalIgnoreCase)
            .ToFrozenDictionary(
                family => family.Key,
                family => Dearest(family.SelectMany(model => model.Value)),
                StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>The list that ships with the product, without overrides.</summary>
    public static PriceTable Default { get; } = new(
        PriceList.ReadEmbedded(),
        FrozenDictionary<ProviderId, FrozenDictionary<string, ImmutableArray<ModelPrice>>>.Empty);

    /// <summary>Models with a list price, by id.</summary>
    public IEnumerable<string> Models => _list.Keys.Order(StringComparer.Ordinal);

    /// <summary>The same list with these overrides and no others.</summary>
    public PriceTable WithOverrides(IEnumerable<PriceOverride> overrides) => new(
        _list,
        overrides.GroupBy(item => item.Provider).ToFrozenDictionary(
            provider => provider.Key,
            provider => provider.GroupBy(item => item.Model, StringComparer.OrdinalIgnoreCase).ToFrozenDictionary(
                model => model.Key,
                model => model.Select(item => item.Price).OrderBy(price => price.From).ToImmutableArray(),
                StringComparer.OrdinalIgnoreCase)));

    /// <summary>The same table with other list prices for the models that a list names; overrides of providers stay before them.</summary>
    /// <param name="list">In the form of <c>prices.json</c>: USD per million tokens, by model and date.</param>
    /// <exception cref="InvalidDataException">It is not of that form.</exception>
    public PriceTable WithList(JsonElement list)
    {
        var changed = _list.ToDictionary(StringComparer.OrdinalIgnoreCase);
        foreach (var (model, prices) in PriceList.Read(list))
        {
            changed[model] = prices.IsEmpty ? throw new InvalidDataException($"Price list: {model} has no price.") : prices;
        }

        return new(changed.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase), _overrides);
    }

    /// <summary>The list price of a model at a moment, or null when it has none of its own.</summary>
    public ModelPrice? ListPrice(string model, DateTimeOffset at) => Known(_list, model) is { } prices ? InForce(prices, at) : null;

    /// <summary>What a usage cost at the time of its request. Counts below zero are taken as zero.</summary>
    /// <remarks>An amount past the range of <see cref="NanoUsd"/> stays at its largest: dear, not an error after the answer.</remarks>
    public PricedUsage Price(ProviderId provider, string model, RequestUsage usage, DateTimeOffset at)
    {
        var (price, known) = Find(provider, model, at);
        var tokens = new TokenUsage(
            Math.Max(0, usage.Tokens.Input),
            Math.Max(0, usage.Tokens.Output),
            Math.Max(0, usage.Tokens.CacheRead),
            Math.Max(0, usage.Tokens.CacheWrite5m),
            Math.Max(0, usage.Tokens.CacheWrite1h));
        var rates = PromptIsLong(tokens, price.AbovePromptTokens) ? price.Above ?? price.Rates : price.Rates;
        if (usage.Fast)
        {
            known &= price.Fast is not null;
            rates = price.Fast ?? rates.Times(_fastFactor);
        }

        var cost = rates.Cost(tokens);
        cost = (usage.Tier, usage.InferenceInUs) switch
        {
            (ServiceTier.Batch, true) => Round(cost * 11, 20),
            (ServiceTier.Batch, false) => Round(cost, 2),
            (_, true) => Round(cost * 11, 10),
            _ => cost,
        };
        cost += FeesOf(usage);
        return new(new(cost > long.MaxValue ? long.MaxValue : (long)cost), known);
    }

    /// <summary>What tools that the provider ran cost besides their tokens; neither batch nor place changes it.</summary>
    public static Int128 FeesOf(in RequestUsage usage)
        => ((Int128)Math.Max(0, usage.WebSearchRequests) * WebSearchNanoUsd)
            + (usage is { CodeExecutionRequests: > 0, WebSearchRequests: <= 0 } ? CodeExecutionNanoUsd : 0);

    /// <summary>
    /// The most a request can use, which strict limits reserve. Tokens of the prompt: one for each byte of the body, since a token
    /// stands for at least one byte of it, and <see cref="AddedPromptTokens"/> where the provider adds words of its own; where the body refers to input that is not in its bytes, the longest prompt there is.
    /// Tokens of the answer: <c>max_tokens</c>, or the most any model generates. Money: the whole prompt in the dearest bucket and
    /// band it could fall in, at the rate for US inference, which the provider's workspace may have set without the request saying so.
    /// All of it once more for each model that the request may fall back to, at that model's rates.
    /// </summary>
    /// <remarks>
    /// Not bounded by this: tools that the provider runs in a loop within one request (searches count as prompt again each
    /// time), and their own fees. So no request with such tools is let through under a strict cap (<see cref="PolicyEvaluator"/>).
    /// </remarks>
    public RequestBound UpperBound(ProviderId provider, ModelRequest request, DateTimeOffset at)
    {
        var (prompt, output) = MostTokens(request);
        var cost = MostOf(Find(provider, request.Model, at).Price, request, prompt, output);
        foreach (var other in request.OtherModels)
        {
            cost += MostOf(Find(provider, other, at).Price, request, prompt, output);
        }

        if (request.AnyFallback)
        {
            cost += MostFallbacks * MostOf(_dearest, request, prompt, output);
        }

        return new((prompt + output) * AttemptsOf(request), new((long)Int128.Min(((cost * 11) + 9) / 10, long.MaxValue)));
    }

    private Int128 MostOf(ModelPrice price, ModelRequest request, long prompt, long output)
    {
        var rates = price.DearestUpTo(prompt);
        if (request.Fast)
        {
            rates = ModelRates.Dearest(rates, price.Fast ?? rates.Times(_fastFactor));
        }

        return ((Int128)prompt * rates.DearestInput(request.CacheWrite1h)) + ((Int128)output * rates.Output);
    }

    /// <summary>The tokens of <see cref="UpperBound"/> as a usage, the prompt in the bucket that is dearest for such a request.</summary>
    public static RequestUsage MostUsage(ModelRequest request)
    {
        var (prompt, output) = MostTokens(request);
        var attempts = AttemptsOf(request);
        (prompt, output) = (prompt * attempts, output * attempts);
        return new(
            request.CacheWrite1h ? new(0, output, 0, 0, prompt) : new(0, output, 0, prompt, 0), Fast: request.Fast, InferenceInUs: true);
    }

    /// <summary>How often the provider may answer one request: by its own model and by each that it may fall back to.</summary>
    private static int AttemptsOf(ModelRequest request)
        => 1 + request.OtherModels.Length + (request.AnyFallback ? MostFallbacks : 0);

    private static (long Prompt, long Output) MostTokens(ModelRequest request)
        => (request.UnboundedInput
                ? LongestPromptTokens
                : Math.Clamp(request.BodyBytes + (request.AddedPrompt ? AddedPromptTokens : 0), 0, LongestPromptTokens),
            Math.Clamp(request.MaxOutputTokens ?? LongestOutputTokens, 0, MaxOutputConsidered));

    /// <summary>
    /// Ours: the provider's page on tool use names 346 tokens for its instructions, up to 735 for each tool it defines itself, of which there
    /// are a handful.
    /// </summary>
    public const long AddedPromptTokens = 4_096;

    /// <summary>The provider tries three at the most.</summary>
    private const int MostFallbacks = 3;

    /// <summary>Far above any model; keeps a caller's absurd <c>max_tokens</c> from overflowing.</summary>
    private const long MaxOutputConsidered = 1_000_000_000;

    /// <summary>The price in force for a provider's model, and whether it is the model's own or the dearest known.</summary>
    public (ModelPrice Price, bool Known) Find(ProviderId provider, string model, DateTimeOffset at)
    {
        if (_overrides.TryGetValue(provider, out var own) && Known(own, model) is { } agreed && agreed[0].From <= at)
        {
            return (InForce(agreed, at), true);
        }

        if (Known(_list, model) is { } listed)
        {
            return (InForce(listed, at), true);
        }

        foreach (var segment in model.AsSpan().Split('-'))
        {
            if (_dearestOfFamily.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(model.AsSpan()[segment], out var dearest))
            {
                return (dearest, false);
            }
        }

        return (_dearest, false);
    }

    private static ImmutableArray<ModelPrice>? Known(
        FrozenDictionary<string, ImmutableArray<ModelPrice>> models, string model)
    {
        if (models.TryGetValue(model, out var exact))
        {
            return exact;
        }

        // Longer than any id: not worth taking apart.
        if (model.Length > 128)
        {
            return null;
        }

        var normal = ModelName.Normalise(model);
        if (models.TryGetValue(normal, out var prices))
        {
            return prices;
        }

        return ModelName.Base(normal, models.ContainsKey) is { } known ? models[known] : null;
    }

    /// <summary>The newest price from before the moment; the oldest there is for a moment before all of them.</summary>
    private static ModelPrice InForce(ImmutableArray<ModelPrice> prices, DateTimeOffset at)
    {
        for (var i = prices.Length - 1; i > 0; i--)
        {
            if (prices[i].From <= at)
            {
                return prices[i];
            }
        }

        return prices[0];
    }

    /// <summary>Every bucket at the most that any of the prices asks, whatever the prompt's length.</summary>
    private static ModelPrice Dearest(IEnumerable<ModelPrice> prices)
        => new(DateTimeOffset.MinValue, prices.Select(price => price.DearestUpTo(long.MaxValue)).Aggregate(ModelRates.Dearest));

    /// <summary><c>claude-{family}-{major}-{minor}</c>.</summary>
    private static string Family(string model) => model.Split('-') is [_, var family, ..] ? family : model;

    /// <summary>As <see cref="TokenUsage.Prompt"/>, in 128 bits.</summary>
    private static bool PromptIsLong(in TokenUsage tokens, long threshold)
        => (Int128)tokens.Input + tokens.CacheRead + tokens.CacheWrite5m + tokens.CacheWrite1h > threshold;

    /// <summary>Divides, half to even. Both are positive, the divisor is even.</summary>
    private static Int128 Round(Int128 amount, int divisor)
    {
        var (quotient, rest) = Int128.DivRem(amount, divisor);
        var half = divisor / 2;
        return rest > half || (rest == half && Int128.IsOddInteger(quotient)) ? quotient + 1 : quotient;
    }
}

/// <summary>A price.</summary>
/// <param name="Cost">Exact.</param>
/// <param name="Known">False when the model has no price and the dearest known rate was used.</param>
public readonly record struct PricedUsage(NanoUsd Cost, bool Known);

/// <summary>The most a request can use.</summary>
/// <param name="Tokens">Prompt and answer.</param>
/// <param name="Cost">At the dearest rates they could fall under.</param>
public readonly record struct RequestBound(long Tokens, NanoUsd Cost);
