using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace NetBird.Agent.Identity;

/// <summary>
/// The loopback redirect of RFC 8252 section 7.3: a page on 127.0.0.1 that takes the authorization response once. What it takes is worth nothing without the PKCE verifier, which stays here.
/// </summary>
internal sealed class LoopbackRedirect : IAsyncDisposable
{
    private const string Page =
        """
        <!doctype html><html lang="en"><head><meta charset="utf-8"><title>NetBird.Agent</title>
        <style>body{font:16px system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;color:#222}
        @media(prefers-color-scheme:dark){body{background:#16181c;color:#e6e6e6}}</style></head>
        <body><h1>TITLE</h1><p>TEXT</p></body></html>
        """;

    /// <summary>
    /// Tried before a port of the kernel's choice: RFC 8252 asks issuers to take any port on loopback, and several take
    /// exactly what was registered with them (Glewlwyd, Okta).
    /// </summary>
    private static readonly int[] RegisteredPorts = [53000, 54000];

    private readonly WebApplication _web;
    private readonly TaskCompletionSource<string> _response = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _state;

    private LoopbackRedirect(WebApplication web) => _web = web;

    public string Uri { get; private set; } = "";

    /// <summary>Listens. The port is part of the request, so it is known before <see cref="Expect"/> is called.</summary>
    public static async Task<LoopbackRedirect> StartAsync(CancellationToken cancellationToken)
    {
        foreach (var port in RegisteredPorts)
        {
            try
            {
                return await StartAsync(port, cancellationToken).ConfigureAwait(false);
            }
            catch (IOException)
            {
                // Taken, by another login or another program.
            }
        }

        return await StartAsync(0, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<LoopbackRedirect> StartAsync(int port, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http1);
        });
        var web = builder.Build();
        var redirect = new LoopbackRedirect(web);
        web.Run(redirect.AnswerAsync);
        try
        {
            await web.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await web.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        var address = web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        redirect.Uri = address + "/callback";
        return redirect;
    }

    /// <summary>Takes an answer that carries this state parameter; any other is not for us.</summary>
    public void Expect(string state) => _state = state;

    /// <summary>The query of the authorization response.</summary>
    public Task<string> WaitAsync(CancellationToken cancellationToken) => _response.Task.WaitAsync(cancellationToken);

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
        var query = context.Request.Query;
        if (context.Request.Path != "/callback" || !HttpMethods.IsGet(context.Request.Method)
            || _state is not { } state || !string.Equals(query["state"], state, StringComparison.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        var refused = query.ContainsKey("error");
        context.Response.ContentType = "text/html; charset=utf-8";
        await context.Response.WriteAsync(Page
            .Replace("TITLE", refused ? "The login was refused" : "You are logged in", StringComparison.Ordinal)
            .Replace("TEXT", refused ? "The terminal says why. You may close this window." : "You may close this window and go back to the terminal.",
                StringComparison.Ordinal), context.RequestAborted).ConfigureAwait(false);
        await context.Response.CompleteAsync().ConfigureAwait(false);
        _response.TrySetResult(context.Request.QueryString.Value ?? "");
    }
}
