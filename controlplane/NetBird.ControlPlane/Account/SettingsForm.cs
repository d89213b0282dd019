using NetBird.ControlPlane.Forms;

namespace NetBird.ControlPlane.Account;

/// <summary>Reads the account's settings.</summary>
internal static class SettingsForm
{
    private const long MinExpirySeconds = 60;
    private const long MaxExpirySeconds = 180 * 86400;
    private const long MinSilenceSeconds = 60;
    private const long MaxSilenceSeconds = 7 * 86400;

    // Counters are rebuilt from rows of the last 200 hours, and from sums of the whole window before.
    private const int MinLogDays = 10;
    private const int MinUsageDays = 400;
    private const int MaxDays = 3660;

    public static AccountSettings Read(Form form, AccountSettings basis)
    {
        var settings = basis with
        {
            AccountName = form.Name("account_name", basis.AccountName),
            Contact = form.Text("contact", basis.Contact, maxLength: 256),
            LoginExpiryEnabled = form.Flag("login_expiry_enabled", basis.LoginExpiryEnabled),
            LoginExpiry = Seconds(form, "login_expiry_seconds", basis.LoginExpiry, MinExpirySeconds, MaxExpirySeconds),
            EndpointName = form.Text("endpoint_name", basis.EndpointName, maxLength: 253).ToLowerInvariant(),
            PeerApprovalRequired = form.Flag("peer_approval_required", basis.PeerApprovalRequired),
            EphemeralSilence = Seconds(
                form, "ephemeral_silence_seconds", basis.EphemeralSilence, MinSilenceSeconds, MaxSilenceSeconds),
            AccessLogRetentionDays = Days(form, "access_log_retention_days", basis.AccessLogRetentionDays, MinLogDays),
            UsageRetentionDays = Days(form, "usage_retention_days", basis.UsageRetentionDays, MinUsageDays),
            PromptRetentionDays = (int)form.Whole("prompt_retention_days", basis.PromptRetentionDays, 1, MaxDays),
        };
        form.RefuseUnknown();
        if (settings.EndpointName.Length > 0
            && (Uri.CheckHostName(settings.EndpointName) != UriHostNameType.Dns
                || !settings.EndpointName.Contains('.', StringComparison.Ordinal)))
        {
            form.Fail("endpoint_name", "This is a host name with at least one dot, such as claude.acme.internal.");
        }

        return settings;
    }

    private static int Days(Form form, string name, int basis, int min)
    {
        var days = (int)form.Whole(name, basis, 0, MaxDays);
        if (days > 0 && days < min)
        {
            form.Fail(name, $"This is 0 (kept for ever) or a number of days from {min} to {MaxDays}: limits count by what is kept.");
        }

        return days;
    }

    private static TimeSpan Seconds(Form form, string name, TimeSpan basis, long min, long max)
        => TimeSpan.FromSeconds(form.Whole(name, (long)basis.TotalSeconds, min, max));
}

/// <summary>The account's settings as REST gives them.</summary>
internal sealed record SettingsAnswer(
    string AccountName,
    string Contact,
    bool LoginExpiryEnabled,
    long LoginExpirySeconds,
    string EndpointName,
    bool PeerApprovalRequired,
    long EphemeralSilenceSeconds,
    int AccessLogRetentionDays,
    int UsageRetentionDays,
    int PromptRetentionDays)
{
    public static SettingsAnswer Of(AccountSettings settings) => new(
        settings.AccountName,
        settings.Contact,
        settings.LoginExpiryEnabled,
        (long)settings.LoginExpiry.TotalSeconds,
        settings.EndpointName,
        settings.PeerApprovalRequired,
        (long)settings.EphemeralSilence.TotalSeconds,
        settings.AccessLogRetentionDays,
        settings.UsageRetentionDays,
        settings.PromptRetentionDays);
}
