using EndToEnd.Tests;
using Microsoft.Playwright;

namespace Dashboard.Tests;

/// <summary>One page of a browser. What it complains of (script errors, refused content, failed fetches) fails the test that asks.</summary>
internal sealed class Tab : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly List<string> _complaints = [];

    private Tab(IBrowserContext context, IPage page)
    {
        (_context, Page) = (context, page);
        page.SetDefaultTimeout(60_000);
        page.Console += (_, message) => Note(message.Type is "error" or "warning" ? $"console {message.Type}: {message.Text}" : null);
        page.PageError += (_, error) => Note("script: " + error);
        page.RequestFailed += (_, request) => Note(IsCutByNavigation(request) ? null : $"{request.Method} {request.Url}: {request.Failure}");
        page.Request += (_, request) => Requests.Add(request.Url);
    }

    public IPage Page { get; }

    /// <summary>Everything it asked for.</summary>
    public List<string> Requests { get; } = [];

    public IReadOnlyList<string> Complaints
    {
        get
        {
            lock (_complaints)
            {
                return [.. _complaints];
            }
        }
    }

    public static async Task<Tab> OpenAsync(IBrowserContext context) => new(context, await context.NewPageAsync());

    /// <summary>Goes to a page of the dashboard through the login form, as a person does.</summary>
    public async Task LogInAsync(string email, string password = Company.Password, string path = "/")
    {
        await Page.GotoAsync(path);
        await Page.GetByLabel("E-mail").FillAsync(email);
        await Page.GetByLabel("Password").FillAsync(password);
        await LeaveAsync(() => Page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync());
        await ArrivedAsync();
    }

    /// <summary>Opens a page and waits until its figures are there.</summary>
    public async Task GoAsync(string path)
    {
        await Page.GotoAsync(path);
        await ArrivedAsync();
    }

    /// <summary>Does what leads to another document (a form sent, a link out of the dashboard), and waits until that is there: a heading alone may be the old one's.</summary>
    public async Task LeaveAsync(Func<Task> act)
    {
        await Page.EvaluateAsync("() => { window.isOld = true; }");
        await act();
        await Page.WaitForFunctionAsync("() => !window.isOld && document.readyState === 'complete'");
    }

    /// <summary>The page is connected, has its heading, and waits for nothing. Of what is shown already: where something was pressed, what comes of it has to be waited for first.</summary>
    public async Task ReadyAsync()
    {
        await Page.Locator("h1").First.WaitForAsync();
        await Page.WaitForFunctionAsync("() => !document.querySelector('[aria-busy=true], .mud-progress-linear, .mud-progress-circular')");
    }

    /// <summary>As <see cref="ReadyAsync"/>, of a document just loaded: the dashboard puts the focus on its heading once, which would take it from where a test has put it.</summary>
    private async Task ArrivedAsync()
    {
        await ReadyAsync();
        await Page.WaitForFunctionAsync("() => !document.querySelector('.mud-layout') || document.activeElement !== document.body");
    }

    /// <summary>Serious and critical faults that axe-core finds, a line each; empty where it is not installed.</summary>
    public async Task<IReadOnlyList<string>> FaultsAsync()
    {
        if (Checkout.NodeModules is not { } modules)
        {
            return [];
        }

        // A colour on its way from light to dark is neither; where it ends is what people see. The login's pages have neither, and take no style but their own.
        if (await Page.Locator(".mud-layout").CountAsync() > 0)
        {
            await Page.AddStyleTagAsync(new() { Content = "*, *::before, *::after { transition: none !important; animation: none !important }" });
        }

        // Run in Playwright's own world: the page's policy forbids scripts that are not its own, and stays as it is.
        var source = await File.ReadAllTextAsync(Path.Combine(modules, "axe-core", "axe.min.js"));
        return await Page.EvaluateAsync<string[]>(source + """

            ; (async () => {
              const found = await axe.run(document, { resultTypes: ["violations"] });
              return found.violations.filter(one => one.impact === "serious" || one.impact === "critical")
                .flatMap(one => one.nodes.map(node => `${one.id} (${one.impact}): ${node.target} ${node.failureSummary ?? ""}`.replaceAll("\n", " ")));
            })()
            """) ?? [];
    }

    /// <summary>Elements whose text does not fit and is not scrolled, a line each.</summary>
    /// <remarks>A window whose size has changed is laid out again when the server has heard of it: a page that is too wide is given some seconds to fit.</remarks>
    public async Task<IReadOnlyList<string>> CutTextAsync() => await Page.EvaluateAsync<string[]>("""
        async () => {
          for (let i = 0; i < 100 && document.documentElement.scrollWidth > innerWidth + 1; i++) await new Promise(done => setTimeout(done, 100));
          return [...document.querySelectorAll("h1, h2, h3, p, dt, dd, td, th, button, a, label, .value, .note, .label")]
          .filter(e => e.offsetParent && e.innerText.trim() && getComputedStyle(e).overflow === "hidden")
          // What spreads over a button when it is pressed is wider than the button; its text is in an element of its own.
          .filter(e => (e.querySelector(".mud-button-label") ?? e).scrollWidth > e.clientWidth + 1)
          .filter(e => !e.closest("[title], .sr"))
          .map(e => e.className + ": " + e.innerText.slice(0, 60))
          .concat(document.documentElement.scrollWidth > innerWidth + 1 ? ["the page scrolls sideways: " + document.documentElement.scrollWidth] : []);
        }
        """) ?? [];

    /// <summary>Written to a temporary folder for people to look at, when NETBIRD_SCREENSHOTS names one.</summary>
    public async Task ShootAsync(string name, bool whole = true)
    {
        if (Environment.GetEnvironmentVariable("NETBIRD_SCREENSHOTS") is { Length: > 0 } folder)
        {
            await Page.ScreenshotAsync(new() { Path = Path.Combine(folder, name + ".png"), FullPage = whole, Animations = ScreenshotAnimations.Disabled });
        }
    }

    /// <summary>Looks at what is shown, in both colours: it has no serious fault and cuts no text. A dialog longer than the window is shot to its end.</summary>
    /// <param name="name">Of the picture.</param>
    /// <param name="found">Faults are added here.</param>
    /// <param name="whole">The whole page, not the window alone.</param>
    public async Task LookAsync(string name, List<string> found, bool whole = true)
    {
        foreach (var dark in (bool[])[false, true])
        {
            await Page.EmulateMediaAsync(new() { ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light });

            // The dashboard follows by way of its server; the login's pages by themselves.
            await Page.WaitForFunctionAsync("""
                dark => {
                  const ground = getComputedStyle(document.documentElement).getPropertyValue("--mud-palette-background").trim();
                  return ground === "" || ground.startsWith(dark ? "rgba(18,21,27" : "rgba(246,247,249");
                }
                """, dark);
            var form = $"{name}-{Page.ViewportSize!.Width}-{(dark ? "dark" : "light")}"; // every page here has one
            await ShootAsync(form, whole);
            found.AddRange((await FaultsAsync()).Concat(await CutTextAsync()).Select(fault => $"{form}: {fault}"));
            if (await Page.EvaluateAsync<bool>("() => { const d = document.querySelector('dialog[open]'); if (!d || d.scrollHeight <= d.clientHeight + 1) return false; d.scrollTop = d.scrollHeight; return true; }"))
            {
                await ShootAsync(form + "-end", whole);
                await Page.EvaluateAsync("() => document.querySelector('dialog[open]').scrollTop = 0");
            }
        }
    }

    public async ValueTask DisposeAsync() => await _context.CloseAsync();

    private static bool IsCutByNavigation(IRequest request) => request.Failure is "net::ERR_ABORTED";

    private void Note(string? complaint)
    {
        if (complaint is not null)
        {
            lock (_complaints)
            {
                _complaints.Add(complaint);
            }
        }
    }
}
