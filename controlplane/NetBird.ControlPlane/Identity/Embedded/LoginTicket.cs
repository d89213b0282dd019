using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Identity.Embedded;

/// <summary>
/// A sealed note in a form that its holder passed one step of a login, for the step after it. It says which step may
/// follow, so a ticket for the code cannot skip it.
/// </summary>
internal sealed class LoginTicket(IDataProtectionProvider protection, TimeProvider time)
{
    // Ours: time to find the telephone.
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private readonly IDataProtector _protector = protection.CreateProtector("NetBird.Idp.LoginTicket.v1");

    public string Issue(UserId user, string step)
        => _protector.Protect(string.Create(
            CultureInfo.InvariantCulture, $"{step}|{(time.GetUtcNow() + Lifetime).ToUnixTimeSeconds()}|{user}"));

    public UserId? Read(string? ticket, string step)
    {
        if (string.IsNullOrEmpty(ticket))
        {
            return null;
        }

        try
        {
            return _protector.Unprotect(ticket).Split('|') is [var forStep, var end, var user]
                && forStep == step
                && time.GetUtcNow().ToUnixTimeSeconds() < long.Parse(end, CultureInfo.InvariantCulture)
                && UserId.TryParse(user, out var id)
                ? id
                : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
