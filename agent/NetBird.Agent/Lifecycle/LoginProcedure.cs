using NetBird.Agent.Enrolment;
using NetBird.Agent.Identity;
using NetBird.Agent.Store;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Lifecycle;

/// <summary>Logs a person or machine in and binds this machine's key to them.</summary>
internal sealed class LoginProcedure(AgentStore store, AgentSupervisor supervisor, TimeProvider time)
{
    /// <param name="url">The control plane; another than the one in use stays apart from it until the login has gone through.</param>
    /// <param name="request">How to log in.</param>
    /// <param name="through">Called when it has, before the login is kept.</param>
    /// <exception cref="LoginException">Not logged in at the issuer.</exception>
    /// <exception cref="ControlPlaneException">The control plane refused or is not reached.</exception>
    public async Task RunAsync(Uri url, UpRequest request, Action through, Action<LoginPrompt> tell, CancellationToken cancellationToken)
    {
        using var apart = supervisor.ControlPlane is { } inUse && inUse.Url != url ? supervisor.NewClient(url) : null;
        var controlPlane = apart ?? supervisor.ClientFor(url);
        var info = await controlPlane.GetLoginInfoAsync(cancellationToken).ConfigureAwait(false);
        var machine = MachineFacts.Describe(store.Settings.Tunnel);
        if (request.SetupKey.Length != 0)
        {
            tell(new LoginPrompt.Step("Enrolling this machine with a setup key"));
            var enrolled = await controlPlane.EnrolAsync(new LoginIdentity.SetupKey(request.SetupKey), machine, cancellationToken).ConfigureAwait(false);
            through();
            await KeepAsync(enrolled, null, null, cancellationToken).ConfigureAwait(false);
            return;
        }

        if (info.Issuer.Length == 0)
        {
            throw new LoginException($"The control plane at {url} names no identity provider. Ask your administrator, or use a setup key.");
        }

        var issuer = new LoginIssuer(info.Issuer, info.ClientId, info.Scope.Length == 0 ? "openid profile email" : info.Scope, info.DeviceCodeSupported);
        var login = request.DeviceCode || (request.DeviceCodeIfOffered && issuer.DeviceCode)
            ? await DeviceLogin.RunAsync(issuer, tell, time, cancellationToken).ConfigureAwait(false)
            : await BrowserLogin.RunAsync(issuer, tell, time, cancellationToken).ConfigureAwait(false);
        tell(new LoginPrompt.Step("Enrolling this machine"));
        var reply = await controlPlane.EnrolAsync(new LoginIdentity.IdToken(login.IdToken), machine, cancellationToken).ConfigureAwait(false);
        through();
        await KeepAsync(reply, issuer, login.RefreshToken, cancellationToken).ConfigureAwait(false);
    }

    private async Task KeepAsync(Protocol.Agent.V1.EnrolReply reply, LoginIssuer? issuer, string? refreshToken, CancellationToken cancellationToken)
    {
        var login = new EnrolledPeer
        {
            PeerId = reply.PeerId,
            UserName = reply.UserName,
            LoginExpiresAt = reply.LoginExpiresAt > 0 ? DateTimeOffset.FromUnixTimeSeconds(reply.LoginExpiresAt) : null,
            Issuer = issuer?.Issuer,
            ClientId = issuer?.ClientId,
            Scope = issuer?.Scope,
            RefreshToken = refreshToken,
        };
        await store.SaveLoginAsync(login, cancellationToken).ConfigureAwait(false);
        supervisor.StoreChanged(freshLogin: true);
    }
}
