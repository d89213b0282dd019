using System.Globalization;
using System.Text;
using NetBird.Agent.Store;
using NetBird.Protocol.Daemon.V1;

namespace NetBird.Agent.Cli;

/// <summary>The status for people: one fact a line, what is wrong and what to do at the end.</summary>
internal static class StatusText
{
    public static string Format(StatusReply status, bool detail, DateTimeOffset now, Paint paint)
    {
        var text = new StringBuilder();
        Line(text, "Agent", $"{Coloured(status.State, paint)}, version {status.AgentVersion}, process {status.ProcessId}");
        if (Profiles.NameOf(status.StateDir) is { } profile)
        {
            Line(text, "Profile", profile);
        }

        Line(text, "Control plane", ControlPlane(status));
        Line(text, "Login", Login(status, now));
        Line(text, "Tunnel", Tunnel(status));
        foreach (var gateway in status.Gateways)
        {
            Line(text, "Gateway", Gateway(gateway, detail, now));
        }

        Line(text, "Endpoint", status.EndpointUrl.Length == 0 ? "not listening" : $"{status.EndpointUrl} ({status.EndpointRequests} request{(status.EndpointRequests == 1 ? "" : "s")})");
        if (status.EndpointHttpsUrl.Length != 0 || status.EndpointHttpsProblem.Length != 0)
        {
            Line(text, "Https form", status.EndpointHttpsProblem.Length != 0 ? status.EndpointHttpsProblem : status.EndpointHttpsUrl);
        }

        if (detail)
        {
            Line(text, "Socket", status.EndpointSocket.Length == 0 ? "none" : status.EndpointSocket);
            Line(text, "Public key", status.PublicKey);
            Line(text, "Peer", status.PeerId.Length == 0 ? "none" : status.PeerId);
            Line(text, "State", status.StateDir);
            Line(text, "Refresh token", RefreshToken(status));
        }

        if (status.Budget is { } budget)
        {
            Line(text, "Budget", BudgetText.Brief(budget, now));
        }

        if (status.Reason.Length != 0)
        {
            text.AppendLine().AppendLine(paint.Warning(status.Reason));
        }

        return text.ToString().TrimEnd();
    }

    internal static string Ago(TimeSpan span) => span switch
    {
        { TotalSeconds: < 2 } => "a moment",
        { TotalMinutes: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0} s"),
        { TotalHours: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{span.TotalMinutes:0} min"),
        { TotalDays: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{span.TotalHours:0} h"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{span.TotalDays:0} days"),
    };

    /// <summary>Where it is kept, for people.</summary>
    internal static string RefreshToken(StatusReply status) => status.RefreshTokenIn switch
    {
        "keyring" => "in the keyring",
        "keyring (locked)" => "in the keyring, which is locked or not reached",
        "file" => "in the state directory, mode 0600; no unlocked keyring was reached",
        _ => "none",
    };

    private static void Line(StringBuilder text, string name, string value)
        => text.Append(CultureInfo.InvariantCulture, $"{name + ":",-15} ").AppendLine(value);

    private static string Coloured(string state, Paint paint) => state switch
    {
        "connected" => paint.Good(state),
        "logged_out" or "login_needed" => paint.Bad(state.Replace('_', ' ')),
        _ => paint.Warning(state),
    };

    private static string ControlPlane(StatusReply status)
        => status.ManagementUrl.Length == 0 ? "none chosen"
            : status.ManagementUrl + (status.ManagementConnected ? ", connected" : ", not connected")
                + (status.ControlPlaneVersion.Length == 0 ? "" : ", version " + status.ControlPlaneVersion);

    private static string Login(StatusReply status, DateTimeOffset now)
    {
        if (status.UserName.Length == 0 && status.PeerId.Length == 0)
        {
            return "none";
        }

        var who = status.UserEmail.Length == 0 || status.UserEmail == status.UserName ? status.UserName : $"{status.UserName} <{status.UserEmail}>";
        var groups = status.GroupNames.Count == 0 ? "" : ", groups " + string.Join(", ", status.GroupNames);
        if (status.LoginExpiresAt == 0)
        {
            return who + groups + ", does not expire";
        }

        var end = DateTimeOffset.FromUnixTimeSeconds(status.LoginExpiresAt);
        return who + groups + (end > now ? $", {Ago(end - now)} left" : $", ended {Ago(now - end)} ago");
    }

    private static string Tunnel(StatusReply status)
    {
        if (status.TunnelInterface.Length == 0)
        {
            return "down";
        }

        var where = status.TunnelKind == "rootless" ? "" : status.TunnelNamespace == "host" ? " beside the other interfaces" : " in a namespace of its own";
        return $"{status.TunnelKind}, {string.Join(", ", status.OverlayAddresses)} on {status.TunnelInterface}{where}. {status.TunnelReason}".TrimEnd();
    }

    private static string Gateway(GatewayStatus gateway, bool detail, DateTimeOffset now)
    {
        var seen = gateway.LastHandshake == 0 ? "no handshake yet" : $"handshake {Ago(now - DateTimeOffset.FromUnixTimeSeconds(gateway.LastHandshake))} ago";
        var bytes = detail ? string.Create(CultureInfo.InvariantCulture, $", {gateway.ReceivedBytes:#,0} bytes in, {gateway.SentBytes:#,0} out, key {gateway.PublicKey}") : "";
        return $"{gateway.OverlayAddress} at {gateway.Endpoint}, {seen}{(gateway.Active ? ", in use" : "")}{bytes}";
    }
}
