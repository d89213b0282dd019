using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace NetBird.ControlPlane.Tests.Webhooks;

/// <summary>Somebody's receiver on a real port. Checks the signature by its own reading of the Standard Webhooks specification.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Receiver(WebApplication app) => _app = app;

    /// <summary>Answers to give, in order; 200 when none is left.</summary>
    public ConcurrentQueue<int> Answers { get; } = new();

    public ConcurrentQueue<Received> All { get; } = new();

    public string Url => _app.Urls.Single() + "/hook?token=x";

    public static async Task<Receiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        var receiver = new Receiver(app);
        app.Run(receiver.TakeAsync);
        await app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body);
        All.Enqueue(new(
            http.Request.Headers["webhook-id"].ToString(),
            http.Request.Headers["webhook-timestamp"].ToString(),
            http.Request.Headers["webhook-signature"].ToString(),
            await reader.ReadToEndAsync()));
        http.Response.StatusCode = Answers.TryDequeue(out var status) ? status : 200;
    }
}

/// <summary>One delivery as it arrived.</summary>
internal sealed record Received(string Id, string Timestamp, string Signature, string Body)
{
    public bool IsSignedBy(string secret)
    {
        var key = Convert.FromBase64String(secret["whsec_".Length..]);
        return Signature == "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{Id}.{Timestamp}.{Body}")));
    }
}
