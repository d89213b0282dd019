using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>Who may call an endpoint; every endpoint under <c>/api</c> says so, and without a word nobody may.</summary>
/// <param name="Minimum">The least role; <see cref="Role.User"/> where the handler narrows it to the caller's own.</param>
internal sealed record Access(Role Minimum);

/// <summary>Says who may call.</summary>
internal static class AccessExtensions
{
    /// <summary>Anyone known; the handler shows each only what is theirs.</summary>
    public static TBuilder ForEveryone<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new Access(Role.User));

    /// <summary>Reads the account's configuration and logs.</summary>
    public static TBuilder ForAuditors<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new Access(Role.Auditor));

    /// <summary>Changes them.</summary>
    public static TBuilder ForAdmins<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new Access(Role.Admin));

    /// <summary>Whom <see cref="AdminGate"/> let in.</summary>
    public static AdminCaller Caller(this HttpContext http)
        => http.Features.Get<AdminCaller>() ?? throw new InvalidOperationException("The endpoint is not behind the admin gate.");
}
