using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.JSInterop;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>
/// What is chosen on a page stands in its address, so that a reload, the way back and a link sent to a colleague show the same. The
/// browser's address alone is changed: a navigation would come back here and overwrite what somebody has typed since.
/// </summary>
internal sealed class PageAddress(NavigationManager navigation, IJSRuntime js)
{
    /// <summary>A part of the address that the page was opened by, or null.</summary>
    public string? Find(string name)
        => QueryHelpers.ParseQuery(new Uri(navigation.Uri).Query).TryGetValue(name, out var values) && values.ToString() is { Length: > 0 } value ? value : null;

    /// <summary>Puts these parts in place of all there are; those without a value are left out.</summary>
    public async Task KeepAsync(params (string Name, string? Value)[] parts)
    {
        try
        {
            await js.InvokeVoidAsync("dashboard.keepAddress", new Uri(navigation.Uri).AbsolutePath, Join(parts));
        }
        catch (JSDisconnectedException)
        {
            return; // the tab is gone, and its address with it
        }
    }

    /// <summary>The page of a session: its person's own, or anybody's.</summary>
    /// <param name="id">As the client gave it, which may be anything.</param>
    public static string OfSession(string id, UserId? user, bool own)
        => $"/session?id={Uri.EscapeDataString(id)}&{(own ? "own=true" : $"user={Uri.EscapeDataString(user?.Value ?? "")}")}";

    /// <summary>As a query without its question mark.</summary>
    public static string Join(IEnumerable<(string Name, string? Value)> parts)
        => string.Join('&', parts.Where(part => !string.IsNullOrWhiteSpace(part.Value)).Select(part => $"{part.Name}={Uri.EscapeDataString(part.Value!.Trim())}")); // filtered here
}
