namespace NetBird.WireGuard.Configuration;

/// <summary>A wg(8) file has a mistake. The message says where and what is wanted, never what a key's value was.</summary>
public sealed class WgFileException : Exception
{
    /// <param name="line">From 1.</param>
    /// <param name="column">From 1, in bytes.</param>
    /// <param name="message">What is wrong there.</param>
    public WgFileException(int line, int column, string message)
        : base($"line {line}, column {column}: {message}")
        => (Line, Column) = (line, column);

    /// <summary>From 1.</summary>
    public int Line { get; }

    /// <summary>From 1, in bytes.</summary>
    public int Column { get; }
}
