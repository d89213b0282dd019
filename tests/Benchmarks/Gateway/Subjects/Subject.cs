namespace Benchmarks.Gateway.Subjects;

/// <summary>What is measured: where it is asked, what it runs as, and the headers it wants beside those of Claude Code.</summary>
internal sealed record Subject(string Name, Uri Url, Child? Process, IReadOnlyDictionary<string, string> Headers)
{
    public static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>();
}
