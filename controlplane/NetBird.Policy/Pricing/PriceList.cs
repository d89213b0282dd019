using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace NetBird.Policy.Pricing;

/// <summary>Reads the price list that ships with the product: USD per million tokens, by model and date.</summary>
internal static class PriceList
{
    /// <summary>The embedded list, each model's prices by date, oldest first.</summary>
    public static FrozenDictionary<string, ImmutableArray<ModelPrice>> ReadEmbedded()
    {
        using var stream = typeof(PriceList).Assembly.GetManifestResourceStream("prices.json")
            ?? throw new InvalidOperationException("The price list is missing from the assembly.");
        using var document = JsonDocument.Parse(stream);
        return Read(document.RootElement).ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>A list in the form of <c>prices.json</c>: <c>models</c>, each with its prices by date.</summary>
    /// <exception cref="InvalidDataException">It is not of that form; says where.</exception>
    public static Dictionary<string, ImmutableArray<ModelPrice>> Read(JsonElement list)
    {
        try
        {
            return list.GetProperty("models").EnumerateObject().ToDictionary(
                model => model.Name,
                model => model.Value.EnumerateArray().Select(ReadPrice).OrderBy(price => price.From).ToImmutableArray(),
                StringComparer.OrdinalIgnoreCase);
        }
        catch (Exception wrong) when (wrong is KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException or OverflowException)
        {
            throw new InvalidDataException($"This is no price list: {wrong.Message}", wrong);
        }
    }

    private static ModelPrice ReadPrice(JsonElement row)
    {
        var from = row.TryGetProperty("from", out var date)
            ? new(DateTime.ParseExact(date.GetString()!, "yyyy-MM-dd", CultureInfo.InvariantCulture), TimeSpan.Zero)
            : DateTimeOffset.MinValue;
        var rates = Rates(row, fallback: null);
        return new(
            from,
            rates,
            row.TryGetProperty("fast", out var fast) ? Rates(fast, rates) : null,
            row.TryGetProperty("above_prompt_tokens", out var threshold) ? threshold.GetInt64() : long.MaxValue,
            row.TryGetProperty("above", out var above) ? Rates(above, fallback: null) : null);
    }

    /// <summary>
    /// Buckets that a fast row leaves out scale as its input does: cache rates are multiples of the input rate in every row.
    /// </summary>
    private static ModelRates Rates(JsonElement row, ModelRates? fallback)
    {
        var input = PerToken(row, "input") ?? throw Bad(row, "input");
        return new(
            input,
            PerToken(row, "output") ?? throw Bad(row, "output"),
            PerToken(row, "cache_read") ?? Scaled(fallback?.CacheRead, "cache_read"),
            PerToken(row, "cache_write_5m") ?? Scaled(fallback?.CacheWrite5m, "cache_write_5m"),
            PerToken(row, "cache_write_1h") ?? Scaled(fallback?.CacheWrite1h, "cache_write_1h"));

        long Scaled(long? plain, string name)
        {
            var scaled = (plain ?? throw Bad(row, name)) * input;
            return scaled % fallback!.Value.Input == 0 ? scaled / fallback.Value.Input : throw Bad(row, name);
        }
    }

    private static long? PerToken(JsonElement row, string name)
    {
        if (!row.TryGetProperty(name, out var value))
        {
            return null;
        }

        return ModelRates.TryPerToken(value.GetDecimal(), out var nanoUsd) ? nanoUsd : throw Bad(row, name);
    }

    private static InvalidDataException Bad(JsonElement row, string name)
        => new($"Price list: '{name}' is missing or not whole in nano-USD per token: {row.GetRawText()}");
}
