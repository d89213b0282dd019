using NetBird.Agent.Enrolment;
using NetBird.Agent.Identity;
using NetBird.Agent.Store;

namespace NetBird.Agent.Lifecycle;

/// <summary>
/// Logs out: the refresh token is revoked at the issuer, the machine leaves the account, and what is kept here is deleted. The last
/// of these happens whatever becomes of the others, and what could not be done elsewhere is said.
/// </summary>
internal sealed class LogoutProcedure(AgentStore store, AgentSupervisor supervisor)
{
    /// <returns>What stays behind elsewhere and why, in whole sentences; empty when nothing does.</returns>
    public async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        if (store.Enrolment is not { } enrolment)
        {
            return "";
        }

        // Both at once: each may wait for somebody who is away.
        var revoked = RevokeAsync(enrolment, cancellationToken);
        var left = await LeaveAsync(cancellationToken).ConfigureAwait(false);
        var sentences = new[] { left, await revoked.ConfigureAwait(false) };
        await store.ForgetLoginAsync(cancellationToken).ConfigureAwait(false);
        store.Save(store.Settings with { WantUp = false });
        supervisor.StoreChanged(freshLogin: false);
        return string.Join(' ', sentences.OfType<string>());
    }

    private static async Task<string?> RevokeAsync(EnrolledPeer enrolment, CancellationToken cancellationToken) => enrolment switch
    {
        { RefreshToken: { } token, Issuer: { } issuer, ClientId: { } client } =>
            await TokenRenewal.TryRevokeAsync(new LoginIssuer(issuer, client, "", false), token, cancellationToken).ConfigureAwait(false) is { } problem
                ? $"The refresh token is deleted here and was not revoked at {issuer}: {problem}"
                : null,
        { TokenInKeyring: true } => "The keyring is locked or not reached, so the refresh token in it was neither revoked nor deleted.",
        _ => null,
    };

    private async Task<string?> LeaveAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (ManagementUrl.TryParse(store.Settings.ManagementUrl ?? "", out _) is { } url)
            {
                await supervisor.ClientFor(url).LeaveAsync(cancellationToken).ConfigureAwait(false);
            }

            return null;
        }
        catch (ControlPlaneException e) when (e.Problem is ControlPlaneProblem.PeerRemoved)
        {
            // Somebody removed it before.
            return null;
        }
        catch (ControlPlaneException e)
        {
            return $"This machine stays listed in the account until its login ends or an administrator removes it. {e.Message}";
        }
    }
}
