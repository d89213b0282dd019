using Microsoft.Playwright;

namespace EndToEnd.Tests.Logins;

/// <summary>An OpenID provider that nobody here wrote, as a process, and how a person logs in there.</summary>
internal interface IIdentityProvider : IDisposable
{
    string Name { get; }

    string Issuer { get; }

    Task RestartAsync();

    void Stop();

    /// <summary>On the provider's own pages, from the first to the one that leads back to the agent.</summary>
    Task LogInAsync(IPage page);

    /// <summary>Lets a device in whose code is in the address, from the page that asks about it to the one that says it is done.</summary>
    Task LetDeviceInAsync(IPage page);
}
