using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.Gateway.Metering;
using NetBird.Policy;
using NetBird.Primitives;

namespace NetBird.Gateway.Tests.Metering;

/// <summary>What nobody expected, between the reservation and its end: what was paid for reaches its caller, and is charged and recorded.</summary>
public sealed class BrokenPartsTests
{
    [Theory]
    [InlineData("feed")]
    [InlineData("finish")]
    [InlineData("result")]
    public async Task MeterThatFails_LeavesTheAnswerAlone_AndItIsEstimatedSettledAndRecorded(string where)
    {
        var (journal, reservations, account) = (new TestJournal(), new TestReservations(), new TestAccount(new("http://upstream.example")));
        account.Publish();
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using var metrics = new GatewayMetrics(services.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>());
        var stage = new MeteringStage(journal, reservations, metrics, NullLogger<MeteringStage>.Instance);
        var http = new DefaultHttpContext();
        http.Features.Get<IHttpRequestFeature>()!.RawTarget = "/v1/messages";
        using var call = new GatewayCall(http, account.Current, TimeProvider.System)
        {
            Peer = account.Peers[TestAccount.Alice],
            Request = new(RequestKind.Messages, "claude-opus-5-5", true, 10, 400),
            Charged = new(TestAccount.Policy, "Engineering", TestAccount.Engineering, TestAccount.Anthropic, []),
            Reserved = true,
        };
        Assert.Null(await stage.OpenAsync(call));
        call.Meter = new Broken(where);
        call.ResponseBytes = 40;

        stage.Feed(call, "data"u8);
        stage.NoteProgress(call);
        await stage.CloseAsync(call);

        var row = Assert.Single(journal.Completed);
        Assert.Equal((Completeness.Interrupted, 1L, 10L, 204_000L), (row.Completeness, row.Usage.Tokens.Input, row.Usage.Tokens.Output, row.Cost.Value));
        Assert.Equal((row.Usage, row.Cost), reservations.Held[call.Id]);
        Assert.Contains(call.Id, reservations.Inexact);
    }

    /// <summary>Whatever fails while it is asked how full the limits are: the answer is there, and goes on without.</summary>
    [Fact]
    public async Task LimitsThatCannotBeRead_ForWhateverReason_KeepNoAnswerBack()
    {
        await using var gateway = await TestGateway.StartAsync();
        gateway.Account.Limits = new(null, new(0, 1_000 * NanoUsd.PerUsd, TimeSpan.FromDays(1), false));
        gateway.Account.Publish();
        gateway.Reservations.ReadFault = new InvalidOperationException("nobody thought of this");

        var answer = await gateway.AskAsync("hi");

        Assert.Equal(200, answer.Status);
        Assert.Null(answer.Header("anthropic-ratelimit-unified-status"));
        Assert.Equal(Completeness.Complete, (await gateway.Journal.SingleAsync()).Completeness);
    }

    /// <summary>An answer that ends no request, and one of two lengths: what fails on the way is said in words that can be read, without its headers.</summary>
    [Theory]
    [InlineData("101 Switching Protocols", "Content-Length: 4\r\n\r\nabcd", 502)]
    [InlineData("200 OK", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n", 503)]
    public async Task AnswerThatCannotBePassedOn_IsRefused_WithoutItsHeaders(string status, string rest, int expected)
    {
        using var upstream = new ScriptedUpstream(async (stream, _) => await stream.WriteAsync(Encoding.Latin1.GetBytes(
            $"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Encoding: br\r\nx-odd: a\r\nrequest-id: theirs\r\n{rest}")));
        await using var gateway = await TestGateway.StartAsync(upstreamUrl: upstream.Url);

        var answer = await gateway.AskAsync("hi", stream: false);

        Assert.Equal((expected, "api_error", null, null), (answer.Status, answer.ErrorType, answer.Header("content-encoding"), answer.Header("x-odd")));
        var row = await gateway.Journal.SingleAsync();
        Assert.Equal(row.Id.Value, answer.Header("x-netbird-request-id"));
        Assert.Empty(gateway.Journal.Open);
    }

    /// <summary>A meter with a fault.</summary>
    private sealed class Broken(string where) : UsageMeter
    {
        protected override bool Final => true;

        public override void Feed(ReadOnlySpan<byte> bytes) => FailIn("feed");

        public override ValueTask FinishAsync()
        {
            FailIn("finish");
            return default;
        }

        public override MeteredUsage Result(UsageEstimate estimate)
        {
            FailIn("result");
            return base.Result(estimate);
        }

        private void FailIn(string place)
        {
            if (place == where)
            {
                throw new InvalidCastException("nobody thought of this");
            }
        }
    }
}
