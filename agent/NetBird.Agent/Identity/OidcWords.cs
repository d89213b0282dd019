namespace NetBird.Agent.Identity;

/// <summary>What an issuer said, made fit to show: bounded, one line, printable.</summary>
internal static class OidcWords
{
    private const int Longest = 300;

    public static string Of(string? error, string? description)
    {
        var text = string.IsNullOrWhiteSpace(description) ? error ?? "no reason given" : $"{description} ({error})";
        var clean = new string([.. text.Take(Longest).Select(c => char.IsControl(c) ? ' ' : c)]);
        return clean.TrimEnd('.', ' ') + ".";
    }
}
