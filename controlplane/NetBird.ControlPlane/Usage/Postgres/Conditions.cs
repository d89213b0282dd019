using Npgsql;

namespace NetBird.ControlPlane.Usage.Postgres;

/// <summary>What stands behind <c>where</c>; every value is a parameter of the command.</summary>
internal sealed class Conditions(NpgsqlCommand command)
{
    private readonly List<string> _all = ["true"];

    /// <param name="condition"><c>{0}</c> in it stands for the value.</param>
    /// <param name="value">Null: no such condition.</param>
    public void Add(string condition, object? value)
    {
        if (value is not null)
        {
            command.Parameters.AddWithValue(value);
            _all.Add(condition.Replace("{0}", $"${command.Parameters.Count}", StringComparison.Ordinal));
        }
    }

    /// <param name="condition">One without a value.</param>
    public void Add(string condition) => _all.Add(condition);

    public override string ToString() => string.Join(" and ", _all);
}
