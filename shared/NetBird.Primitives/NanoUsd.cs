using System.Globalization;

namespace NetBird.Primitives;

/// <summary>
/// An amount of money in 10^-9 US dollars. Every list price per token is whole in it, so a cost is exact.
/// The range of <see cref="long"/> holds 9.2 thousand million dollars.
/// </summary>
/// <param name="Value">Nano-dollars; negative only for differences.</param>
public readonly record struct NanoUsd(long Value) : IComparable<NanoUsd>
{
    /// <summary>Nano-dollars in one dollar.</summary>
    public const long PerUsd = 1_000_000_000;

    /// <summary>No money.</summary>
    public static NanoUsd Zero => default;

    /// <summary>Converts dollars exactly; false when finer than a nano-dollar or out of range.</summary>
    public static bool TryFromUsd(decimal usd, out NanoUsd amount)
    {
        amount = default;
        if (usd is > long.MaxValue / PerUsd or < long.MinValue / PerUsd)
        {
            return false;
        }

        var nano = usd * PerUsd;
        if (nano != decimal.Truncate(nano))
        {
            return false;
        }

        amount = new((long)nano);
        return true;
    }

    /// <summary>The amount in dollars, exact, with at most nine decimals and no trailing zeros.</summary>
    public decimal ToUsd() => (decimal)Value / PerUsd;

    /// <inheritdoc/>
    public int CompareTo(NanoUsd other) => Value.CompareTo(other.Value);

    /// <summary>Sums; throws <see cref="OverflowException"/> past the range.</summary>
    public static NanoUsd operator +(NanoUsd left, NanoUsd right) => new(checked(left.Value + right.Value));

    /// <summary>Subtracts; throws <see cref="OverflowException"/> past the range.</summary>
    public static NanoUsd operator -(NanoUsd left, NanoUsd right) => new(checked(left.Value - right.Value));

    /// <summary>Compares amounts.</summary>
    public static bool operator <(NanoUsd left, NanoUsd right) => left.Value < right.Value;

    /// <summary>Compares amounts.</summary>
    public static bool operator >(NanoUsd left, NanoUsd right) => left.Value > right.Value;

    /// <summary>Compares amounts.</summary>
    public static bool operator <=(NanoUsd left, NanoUsd right) => left.Value <= right.Value;

    /// <summary>Compares amounts.</summary>
    public static bool operator >=(NanoUsd left, NanoUsd right) => left.Value >= right.Value;

    /// <summary>The named form of <c>+</c>.</summary>
    public static NanoUsd Add(NanoUsd left, NanoUsd right) => left + right;

    /// <summary>The named form of <c>-</c>.</summary>
    public static NanoUsd Subtract(NanoUsd left, NanoUsd right) => left - right;

    /// <summary>Dollars with all nine decimals cut to those that matter, such as <c>0.00425</c>.</summary>
    public override string ToString() => ToUsd().ToString("0.#########", CultureInfo.InvariantCulture);
}
