namespace NetBird.Agent.Identity;

/// <summary>What a login asks the person to do, on its way to the CLI.</summary>
internal abstract record LoginPrompt
{
    private LoginPrompt()
    {
    }

    /// <summary>Open this in a browser on this machine.</summary>
    internal sealed record OpenUrl(string Url) : LoginPrompt;

    /// <summary>Type this code at that address on any device.</summary>
    internal sealed record EnterCode(string UserCode, string Url, string UrlWithCode, DateTimeOffset ExpiresAt) : LoginPrompt;

    /// <summary>Nothing to do; a step for people to read.</summary>
    internal sealed record Step(string Text) : LoginPrompt;
}
