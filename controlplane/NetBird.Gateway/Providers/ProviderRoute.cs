using NetBird.Primitives;

namespace NetBird.Gateway.Providers;

/// <summary>A connected provider as the gateway sees it. Its key is asked for apart, per request.</summary>
/// <param name="Id">Our id.</param>
/// <param name="Kind">Catalogue id, such as <c>anthropic_api</c>.</param>
/// <param name="Name">Shown to people.</param>
/// <param name="Upstream">Base URL, without a trailing slash in its path.</param>
/// <param name="Enabled">Disabled: as if no policy named it.</param>
public sealed record ProviderRoute(ProviderId Id, string Kind, string Name, Uri Upstream, bool Enabled);
