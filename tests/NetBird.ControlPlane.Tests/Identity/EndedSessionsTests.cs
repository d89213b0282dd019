using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Dashboard.Viewing;
using NetBird.ControlPlane.Identity.Web;
using NetBird.ControlPlane.Store;
using NetBird.ControlPlane.Store.Secrets;
using NetBird.ControlPlane.Tests.Store;
using NetBird.ControlPlane.Tests.Usage;
using NetBird.ControlPlane.Users;

namespace NetBird.ControlPlane.Tests.Identity;

/// <summary>A session that was signed out is over for every copy of its cookies, at every node and after a restart, until it would have ended by itself.</summary>
public sealed class EndedSessionsTests(PostgresCluster cluster) : IClassFixture<PostgresCluster>
{
    private static readonly User Ana = new() { Id = new("ana"), Name = "Ana" };

    [Fact]
    public async Task Copies_OfASessionThatWasSignedOut_AreOfNoUse_AfterARestartToo()
    {
        await using var plane = await RunningControlPlane.StartAsync();
        var copies = await SignInAndOutAsync(plane);

        foreach (var copy in copies)
        {
            await IsNobodyAsync(plane.Url, copy);
        }

        await plane.RestartAsync();
        foreach (var copy in copies)
        {
            await IsNobodyAsync(plane.Url, copy);
        }

        Assert.Equal(2, plane.Store.Current.EndedSessions.Count);
        var log = await plane.Services.GetRequiredService<ConfigurationStore>().ReadAuditAsync(long.MaxValue, descending: true, default).ToListAsync();
        var logout = Assert.Single(log, entry => entry.Action == "user.logout");
        Assert.Equal(("ana@example.com", "127.0.0.1"), (logout.Actor.Name, logout.Actor.Address));
        Assert.DoesNotContain(log, entry => entry.TargetKind == "ended_session");
    }

    [SkippableFact]
    public async Task Copies_OfASessionThatWasSignedOutAtOneNode_AreOfNoUseAtAnother()
    {
        await using var one = await RunningControlPlane.StartOnAsync(cluster);
        await using var two = await RunningControlPlane.StartAsync(options => options with
        {
            Postgres = one.Options.Postgres,
            ClusterKey = Path.Combine(one.Options.StateDirectory, ClusterKey.FileName),
            PublicUrl = one.Url,
        });
        var open = new TaskCompletionSource<SessionId>();
        two.Services.GetRequiredService<EndedSessions>().Ended += session => open.TrySetResult(session);

        var copies = await SignInAndOutAsync(one, beforeSigningOut: async cookies => Assert.True(await IsSomebodyAsync(two.Url, cookies)));

        await open.Task.WaitAsync(TimeSpan.FromSeconds(30)); // a page that is open there is told
        await Eventually.TrueAsync(() => Task.FromResult(two.Store.Current.EndedSessions.Count == 2));
        foreach (var copy in copies)
        {
            await IsNobodyAsync(two.Url, copy);
        }
    }

    [Fact]
    public async Task EndedSessions_WhoseTimeIsOver_AreForgotten()
    {
        using var state = new TemporaryState();
        await using var store = await state.OpenAsync();
        using var ended = new EndedSessions(store, state.Time, NullLogger<EndedSessions>.Instance);
        ViewerSession first = new(SessionId.New(), state.Time.GetUtcNow().AddHours(10));
        ViewerSession second = new(SessionId.New(), state.Time.GetUtcNow().AddHours(11));
        await ended.EndAsync(Ana, "", first, second);

        state.Time.Advance(TimeSpan.FromHours(10));
        await ended.RunOnceAsync(default);

        Assert.Equal(second.Id, Assert.Single(store.Current.EndedSessions.Keys));
        Assert.Equal((false, true), (ended.Has(first.Id), ended.Has(second.Id)));
        var version = store.Current.Version;
        await ended.RunOnceAsync(default);
        Assert.Equal(version, store.Current.Version); // a round without anything to do writes nothing
    }

    [Fact]
    public async Task SignedOut_WhileTheStoreCannotBeWritten_IsOverHere_AndIsWrittenLater()
    {
        using var state = new TemporaryState();
        await using var store = await state.OpenAsync();
        var failing = new FailingStore(store) { Fails = true };
        using var ended = new EndedSessions(failing, state.Time, NullLogger<EndedSessions>.Instance);
        ViewerSession session = new(SessionId.New(), state.Time.GetUtcNow().AddHours(10));
        List<SessionId> told = [];
        ended.Ended += told.Add;

        await ended.EndAsync(Ana, "", session);

        Assert.True(ended.Has(session.Id));
        Assert.Equal([session.Id], told);
        await Assert.ThrowsAsync<IOException>(() => ended.RunOnceAsync(default));
        failing.Fails = false;
        await ended.RunOnceAsync(default);
        Assert.Equal(session.Until, store.Current.EndedSessions[session.Id].Until);
    }

    /// <summary>Two browsers: the cookies of the pages alone, and those of the IdP alone, as they were before the sign-out.</summary>
    private static async Task<CookieContainer[]> SignInAndOutAsync(RunningControlPlane plane, Func<CookieContainer, Task>? beforeSigningOut = null)
    {
        var ana = await plane.AddPersonAsync("ana@example.com");
        await plane.ChangeAsync(ana, user => user with { Role = Role.Owner });
        using var browser = new Browser(plane.Url);
        await browser.OpenAsync("/login");
        await browser.LogInAsync("ana@example.com");
        var cookies = browser.Cookies.GetAllCookies();
        CookieContainer[] copies = [Copy(plane.Url, cookies, "netbird"), Copy(plane.Url, cookies, "netbird-idp")];
        foreach (var copy in copies)
        {
            Assert.True(await IsSomebodyAsync(plane.Url, Copy(plane.Url, copy.GetAllCookies())));
            await (beforeSigningOut?.Invoke(Copy(plane.Url, copy.GetAllCookies())) ?? Task.CompletedTask);
        }

        await browser.SubmitAsync("/logout");

        Assert.Contains("Signed out", browser.Page, StringComparison.Ordinal);
        await browser.OpenAsync("/logout");
        Assert.Contains("Signed out", browser.Page, StringComparison.Ordinal);
        return copies;
    }

    private static CookieContainer Copy(Uri site, CookieCollection cookies, string? name = null)
    {
        var copy = new CookieContainer();
        foreach (var cookie in cookies.Where(cookie => name is null || cookie.Name == name))
        {
            copy.Add(site, new Cookie(cookie.Name, cookie.Value));
        }

        Assert.NotEqual(0, copy.Count);
        return copy;
    }

    private static async Task IsNobodyAsync(Uri site, CookieContainer cookies)
        => Assert.False(await IsSomebodyAsync(site, Copy(site, cookies.GetAllCookies())), "It goes on.");

    /// <summary>Whether a browser with these cookies gets to the pages without a login.</summary>
    private static async Task<bool> IsSomebodyAsync(Uri site, CookieContainer cookies)
    {
        using var browser = new Browser(site, cookies);
        await browser.OpenAsync("/my-usage");
        Assert.Equal(HttpStatusCode.OK, browser.Status);
        return !browser.Page.Contains("name=\"password\"", StringComparison.Ordinal);
    }

    private sealed class FailingStore(IConfigurationStore store) : IConfigurationStore
    {
        public event Action<ConfigurationChange>? Changed
        {
            add => store.Changed += value;
            remove => store.Changed -= value;
        }

        public bool Fails { get; set; }

        public Configuration Current => store.Current;

        public Task<T> CommitAsync<T>(Actor actor, Func<ConfigurationDraft, T> change, CancellationToken cancellationToken)
            => Fails ? Task.FromException<T>(new IOException("The disk is full.")) : store.CommitAsync(actor, change, cancellationToken);
    }
}
