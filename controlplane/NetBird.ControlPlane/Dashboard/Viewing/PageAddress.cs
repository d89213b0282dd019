using System.Globalization;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Routing;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.JSInterop;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Dashboard.Viewing;

/// <summary>
/// What is chosen on a page stands in its address, so that a reload, the way back and a link sent to a colleague show the same. The
/// browser's address alone is changed: a navigation would come back here and overwrite what somebody has typed since.
/// </summary>
internal sealed class PageAddress : IDisposable
{
    /// <summary>Ours: no list has so many pages, and what is counted with it stays a number.</summary>
    private const int MostPages = 1_000_000;

    private readonly NavigationManager _navigation;
    private readonly IJSRuntime _js;

    /// <summary>What the browser's address says since something was kept; null: what the page was opened by.</summary>
    private (string Name, string? Value)[]? _kept;

    public PageAddress(NavigationManager navigation, IJSRuntime js)
    {
        (_navigation, _js) = (navigation, js);
        _navigation.LocationChanged += Forget;
    }

    public void Dispose() => _navigation.LocationChanged -= Forget;

    /// <summary>A part of the address as it is now, or null.</summary>
    public string? Find(string name) => Parts.FirstOrDefault(part => part.Name == name).Value is { Length: > 0 } value ? value : null;

    /// <summary>Which page of a list it asks for, from 1; the list may have fewer.</summary>
    public int Page(string name = "page")
        => int.TryParse(Find(name), NumberStyles.None, CultureInfo.InvariantCulture, out var page) ? Math.Clamp(page, 1, MostPages) : 1;

    /// <summary>Puts these parts in place of all there are, pages of lists too; those without a value are left out.</summary>
    public async Task KeepAsync(params (string Name, string? Value)[] parts)
    {
        _kept = parts;
        try
        {
            await _js.InvokeVoidAsync("dashboard.keepAddress", new Uri(_navigation.Uri).AbsolutePath, Join(parts));
        }
        catch (JSDisconnectedException)
        {
            return; // the tab is gone, and its address with it
        }
    }

    /// <summary>Changes one part and leaves the others; null takes it away.</summary>
    public Task PutAsync(string name, string? value) => KeepAsync([.. Parts.Where(part => part.Name != name), (name, value)]);

    /// <summary>The page of a session: its person's own, or anybody's.</summary>
    /// <param name="id">As the client gave it, which may be anything.</param>
    /// <param name="user">Its person.</param>
    /// <param name="own">Whether whoever looks is that person.</param>
    public static string OfSession(string id, UserId? user, bool own)
        => $"/session?id={Uri.EscapeDataString(id)}&{(own ? "own=true" : $"user={Uri.EscapeDataString(user?.Value ?? "")}")}";

    /// <summary>As a query without its question mark.</summary>
    public static string Join(IEnumerable<(string Name, string? Value)> parts)
        => string.Join('&', parts.Where(part => !string.IsNullOrWhiteSpace(part.Value)).Select(part => $"{part.Name}={Uri.EscapeDataString(part.Value!.Trim())}")); // filtered here

    private IEnumerable<(string Name, string? Value)> Parts
        => _kept ?? QueryHelpers.ParseQuery(new Uri(_navigation.Uri).Query).Select(part => (part.Key, (string?)part.Value.ToString()));

    private void Forget(object? sender, LocationChangedEventArgs e) => _kept = null;
}
