using NetBird.Gateway.Metering;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Usage;

/// <summary>What a row costs.</summary>
/// <param name="Cost">Exact.</param>
/// <param name="Unknown">The model has no price of its own.</param>
internal readonly record struct RowPrice(NanoUsd Cost, bool Unknown)
{
    /// <summary>As it is recorded.</summary>
    public static RowPrice Of(UsageRecord row) => new(row.Cost, row.PriceUnknown);
}

/// <summary>What pricing anew comes to, by provider and model.</summary>
internal sealed class RepricedTotals
{
    private readonly SortedDictionary<(string Provider, string Model), RepricedModel> _models = [];

    public IReadOnlyCollection<RepricedModel> Models => _models.Values;

    public long Requests => _models.Values.Sum(model => model.Requests);

    public long Changed => _models.Values.Sum(model => model.Changed);

    public NanoUsd Before => _models.Values.Aggregate(NanoUsd.Zero, (sum, model) => sum + model.Before);

    public NanoUsd After => _models.Values.Aggregate(NanoUsd.Zero, (sum, model) => sum + model.After);

    /// <summary>Takes a row; true when its price differs.</summary>
    public bool Note(UsageRecord row, RowPrice now)
    {
        var was = RowPrice.Of(row);
        var key = (row.Provider?.Value ?? "", row.Model);
        var model = _models.GetValueOrDefault(key) ?? new(row.Provider, row.Model, 0, 0, 0, 0, NanoUsd.Zero, NanoUsd.Zero);
        _models[key] = model with
        {
            Requests = model.Requests + 1,
            Changed = model.Changed + (was == now ? 0 : 1),
            UnknownBefore = model.UnknownBefore + (was.Unknown ? 1 : 0),
            UnknownAfter = model.UnknownAfter + (now.Unknown ? 1 : 0),
            Before = model.Before + was.Cost,
            After = model.After + now.Cost,
        };
        return was != now;
    }
}

/// <summary>One provider's model.</summary>
/// <param name="Provider">Null: none.</param>
/// <param name="Model">As recorded.</param>
/// <param name="Requests">Rows that were priced.</param>
/// <param name="Changed">Those of them whose price differs.</param>
/// <param name="UnknownBefore">Rows recorded without a price of their own.</param>
/// <param name="UnknownAfter">Rows that still have none.</param>
/// <param name="Before">As recorded.</param>
/// <param name="After">As priced now.</param>
internal sealed record RepricedModel(
    ProviderId? Provider, string Model, long Requests, long Changed, long UnknownBefore, long UnknownAfter, NanoUsd Before, NanoUsd After);
