using System.Text.RegularExpressions;

namespace EndToEnd.Tests.Documentation;

/// <summary>Reads all guides once from the first line to the last, and keeps how each block went.</summary>
public sealed class GuideRun : IAsyncLifetime
{
    private readonly Dictionary<string, string?> _problems = [];
    private string? _notHere;

    /// <summary>Every block that is to be tried, in reading order.</summary>
    internal static IReadOnlyList<GuideBlock> Blocks { get; } =
        [.. GuideBlock.Guides.Where(guide => File.Exists(Path.Combine(Checkout.Root, guide))).SelectMany(GuideBlock.Read)];

    /// <returns>Null: went as the guide says.</returns>
    public string? ProblemOf(string name)
    {
        Skip.If(_notHere is not null, _notHere);
        return _problems.TryGetValue(name, out var problem) ? problem : "It was not tried.";
    }

    public async Task InitializeAsync()
    {
        _notHere = !Environment.IsPrivilegedProcess ? "needs root for namespaces"
            : Checkout.Claude is null || Checkout.NodeModules is null ? "Claude Code and oidc-provider are not installed (tests/run.sh does it)" : null;
        if (_notHere is not null)
        {
            return;
        }

        await using var stage = await Stage.StartAsync();
        // For who writes a guide: what each command printed.
        var file = Environment.GetEnvironmentVariable("NETBIRD_GUIDE_TRANSCRIPT");
        await using var transcript = string.IsNullOrEmpty(file) ? null : new StreamWriter(file) { AutoFlush = true };
        CommandResult? last = null;
        GuideBlock? lastCommand = null;
        foreach (var block in Blocks)
        {
            if (block.Language is not "sh" && block.File is null && block.Language is not "text")
            {
                continue;
            }

            if (block.Needs is not null)
            {
                last = null;
                continue;
            }

            try
            {
                if (block.File is not null)
                {
                    await stage.WriteAsync(block);
                    _problems[block.Name] = null;
                }
                else if (block.Language is "sh")
                {
                    last = await stage.RunAsync(block);
                    lastCommand = block;
                    transcript?.WriteLine($"=== {block.Name}\n{last}");
                    _problems[block.Name] = last.ExitCode == block.ExitCode ? null : $"exit code {block.ExitCode} was expected: {last}";
                }
                else
                {
                    _problems[block.Name] = last is null ? null : Missing(block.Text, last.Output);
                    for (var i = 0; i < 40 && _problems[block.Name] is not null && lastCommand?.Has("soon") is true; i++)
                    {
                        await Task.Delay(1500);
                        last = await stage.RunAsync(lastCommand);
                        _problems[block.Name] = Missing(block.Text, last.Output);
                    }
                }
            }
            catch (Exception e) when (e is TimeoutException or InvalidOperationException or IOException or Xunit.Sdk.XunitException)
            {
                _problems[block.Name] = e.Message;
            }
        }
    }

    public Task DisposeAsync() => Task.CompletedTask;

    /// <summary>Every line in its order, where <c>...</c> is anything and any run of blanks is one.</summary>
    private static string? Missing(string expected, string printed)
    {
        var rest = Regex.Replace(printed, "[ \t]+", " ");
        foreach (var line in expected.Split('\n').Select(line => Regex.Replace(line, "[ \t]+", " ").Trim()).Where(line => line.Length != 0 && line != "..."))
        {
            var found = Regex.Match(rest, Regex.Escape(line).Replace(@"\.\.\.", ".*", StringComparison.Ordinal).Replace("\\ ", " ", StringComparison.Ordinal));
            if (!found.Success)
            {
                return $"'{line}' is not in what it printed, or not there:\n{printed}";
            }

            rest = rest[(found.Index + found.Length)..];
        }

        return null;
    }
}
