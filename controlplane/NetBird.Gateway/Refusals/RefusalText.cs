using System.Globalization;

namespace NetBird.Gateway.Refusals;

/// <summary>Words that refusals share. People read them in a terminal, in any time zone: times are UTC and say so.</summary>
internal static class RefusalText
{
    public static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>The whole sentence: what happened and whom to ask.</summary>
    public static string Sentence(Refusal refusal, string? contact)
        => !refusal.NamesContact ? refusal.What
            : string.IsNullOrEmpty(contact) ? refusal.What + " Ask your administrator."
            : $"{refusal.What} Ask {contact}.";
}
