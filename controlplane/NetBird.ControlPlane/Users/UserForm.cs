using System.Net.Mail;
using NetBird.ControlPlane.Forms;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Users;

/// <summary>Reads a person or service user. The password is read apart: hashing is slow and must not hold the writer.</summary>
internal static class UserForm
{
    /// <summary>Fields that answers carry and nobody sets here.</summary>
    private static readonly string[] ReadOnly =
    [
        "id", "effective_role", "is_current", "issued", "issuer", "subject", "groups", "last_login", "locked_until",
        "created_at", "updated_at", "permissions",
    ];

    /// <param name="form">What was sent.</param>
    /// <param name="references">What it may name.</param>
    /// <param name="basis">Values of fields that were not sent.</param>
    /// <param name="caller">What the caller may do: only an owner makes, changes or unmakes owners.</param>
    public static User Read(Form form, References references, User basis, Role caller)
    {
        form.Ignore(ReadOnly);
        var user = basis with
        {
            Name = form.Text("name", basis.Name, maxLength: 128),
            Email = form.Text("email", basis.Email, maxLength: 254),
            Role = form.Choice("role", basis.Role, RoleNames.All),
            AutoGroups = [.. form.List("auto_groups", references.Group, text => $"There is no group {references.By} '{text}'.")
                ?? [.. basis.AutoGroups]],
            Status = ReadStatus(form, basis.Status),
            Credential = ReadSecondFactor(form, basis, caller),
        };
        if (user.Email.Length > 0 && user.Email != basis.Email && !IsEmail(user.Email))
        {
            form.Fail("email", "This is not an e-mail address.");
        }

        if (user.Email != basis.Email && user.Issuer == User.EmbeddedIssuer && references.Draft.Users.All.Any(other =>
            other.Id != user.Id && other.Issuer == User.EmbeddedIssuer && Names.Same(other.Email, user.Email)))
        {
            form.Fail("email", "Another person has this e-mail address.");
        }

        if (caller != Role.Owner && user != basis && (user.Role == Role.Owner || basis.Role == Role.Owner))
        {
            form.Fail("role", "Only an owner may make or change an owner.");
        }

        if (user.AutoGroups.Any(group => references.Draft.Groups.Find(group)?.GrantsRole == Role.Owner)
            && !user.AutoGroups.SetEquals(basis.AutoGroups) && caller != Role.Owner)
        {
            form.Fail("auto_groups", "Only an owner may put people into a group that grants the role owner.");
        }

        if (basis.Role == Role.Owner && (user.Role != Role.Owner || user.Status != UserStatus.Active)
            && UserRemoval.IsLastOwner(references.Draft, basis.Id))
        {
            form.Fail(user.Role != Role.Owner ? "role" : "status", "This is the last active owner; make another one first.");
        }

        if (user.AutoGroups.Contains(Groups.Group.AllId))
        {
            user = user with { AutoGroups = user.AutoGroups.Remove(Groups.Group.AllId) };
        }

        return user;
    }

    // The way back in for a person who lost both the app and the recovery codes: an administrator sends false.
    private static LocalCredential? ReadSecondFactor(Form form, User basis, Role caller)
    {
        var has = basis.Credential?.SealedTotpSecret is not null;
        if (form.Flag("second_factor", has) == has)
        {
            return basis.Credential;
        }

        if (!has)
        {
            form.Fail("second_factor", "A person sets it up themselves, at /idp/account.");
        }
        else if (basis.Role == Role.Owner && caller != Role.Owner)
        {
            form.Fail("second_factor", "Only an owner may take an owner's second factor away.");
        }

        return basis.Credential?.WithoutSecondFactor();
    }

    // NetBird says is_blocked, others status; both are taken, and they must agree.
    private static UserStatus ReadStatus(Form form, UserStatus basis)
    {
        var status = form.Choice("status", basis,
            ("active", UserStatus.Active), ("disabled", UserStatus.Disabled), ("blocked", UserStatus.Disabled));
        if (!form.Has("is_blocked"))
        {
            form.Ignore("is_blocked");
            return status;
        }

        var blocked = form.Flag("is_blocked", false) ? UserStatus.Disabled : UserStatus.Active;
        if (!form.Has("status") || blocked == status)
        {
            return blocked;
        }

        // A record that was read and sent back with one of the two changed means the change.
        return status != basis ? status : blocked;
    }

    private static bool IsEmail(string text)
        => MailAddress.TryCreate(text, out var address) && address.Address == text && !text.Contains(' ', StringComparison.Ordinal);
}
