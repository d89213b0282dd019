using NetBird.ControlPlane.Store;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Account;

/// <summary>What is set once for the whole account.</summary>
internal sealed record AccountSettings : IDocument<SettingsId>
{
    public SettingsId Id { get; init; } = SettingsId.Account;

    /// <summary>Shown to people.</summary>
    public string AccountName { get; init; } = "NetBird";

    /// <summary>Whom a refused person should ask; empty: the administrators.</summary>
    public string Contact { get; init; } = "";

    /// <summary>How long a login lasts where no group says otherwise. 1 hour to 180 days; a day unless set.</summary>
    public TimeSpan LoginExpiry { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Off: logins do not expire.</summary>
    public bool LoginExpiryEnabled { get; init; } = true;

    /// <summary>Host name of the https endpoint form, such as <c>claude.acme.internal</c>; empty: not set up.</summary>
    public string EndpointName { get; init; } = "";

    /// <summary>A new machine waits for an admin.</summary>
    public bool PeerApprovalRequired { get; init; }

    /// <summary>How long an ephemeral peer may be silent before it goes. 1 minute to 7 days; 10 minutes unless set.</summary>
    public TimeSpan EphemeralSilence { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How many days single requests are kept; 0: for ever. 10 to 3,660; 365 unless set.</summary>
    public int AccessLogRetentionDays { get; init; } = 365;

    /// <summary>
    /// How many days hourly and daily sums are kept; 0: for ever. 400 to 3,660, which is longer than any limit's window; 1,830
    /// unless set.
    /// </summary>
    public int UsageRetentionDays { get; init; } = 1_830;

    /// <summary>How many days captured prompts are kept. 1 to 3,660; 30 unless set.</summary>
    public int PromptRetentionDays { get; init; } = 30;

    string IDocument.Label => "settings";
}

/// <summary>There is one.</summary>
internal readonly record struct SettingsId(string Value) : IIdentifier<SettingsId>
{
    public static readonly SettingsId Account = new("account");

    public static bool TryParse(string? text, out SettingsId id)
    {
        id = Account;
        return text == Account.Value;
    }

    public int CompareTo(SettingsId other) => string.CompareOrdinal(Value, other.Value);

    public override string ToString() => Value ?? "";
}
