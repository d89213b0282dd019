using System.Globalization;
using System.Runtime.Versioning;
using System.Security.Principal;

namespace NetBird.Agent.Store;

/// <summary>An account of this machine as its kernel tells them apart.</summary>
/// <param name="Text">A uid in decimal, or on Windows a SID: S-1-5-21-...</param>
internal readonly record struct AccountId(string Text)
{
    // [MS-DTYP] section 2.4.2.4: LOCAL_SYSTEM.
    private const string LocalSystem = "S-1-5-18";

    /// <summary>Null on Windows.</summary>
    public uint? Uid => uint.TryParse(Text, NumberStyles.None, CultureInfo.InvariantCulture, out var uid) ? uid : null;

    /// <summary>The account of the system itself, as which a service runs: root, or Windows' LocalSystem.</summary>
    public bool IsSystem => Text is "0" or LocalSystem;

    public static AccountId OfUid(uint uid) => new(uid.ToString(CultureInfo.InvariantCulture));

    /// <summary>Null for what names no account on this system.</summary>
    public static AccountId? TryParse(string? text)
        => string.IsNullOrEmpty(text) ? null
            : OperatingSystem.IsWindows() ? OfSid(text)
            : uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var uid) ? OfUid(uid) : null;

    /// <summary>As people say it: names of accounts need a look-up that may take its time.</summary>
    public override string ToString() => Text switch
    {
        "0" => "root",
        LocalSystem => "the system itself",
        _ => Uid is { } uid ? string.Create(CultureInfo.InvariantCulture, $"uid {uid}") : $"account {Text}",
    };

    [SupportedOSPlatform("windows")]
    private static AccountId? OfSid(string text)
    {
        try
        {
            return new AccountId(new SecurityIdentifier(text).Value);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
