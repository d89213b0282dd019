namespace EndToEnd.Tests.Documentation;

/// <summary>
/// Every command of README.md and the guides, run as a reader would on a server and a developer's machine; every document
/// written, every printed text compared.
/// </summary>
public sealed class GuideTests(GuideRun run) : IClassFixture<GuideRun>
{
    public static TheoryData<string> Blocks { get; } =
        [.. GuideRun.Blocks.Where(block => block.Language is "sh" or "text" || block.File is not null).Select(block => block.Name)];

    [SkippableTheory]
    [MemberData(nameof(Blocks))]
    public void Block_DoesWhatTheGuideSays(string name)
    {
        var block = GuideRun.Blocks.Single(block => block.Name == name);
        Skip.If(block.Needs is not null, $"not run here: needs {block.Needs}");

        var problem = run.ProblemOf(name);

        Assert.True(problem is null, problem);
    }

    [Fact]
    public void Commands_AllSayWhereTheyRun()
    {
        var lost = GuideRun.Blocks.Where(block => block.Language is "sh" or "bash" or "console" or "shell" or "powershell")
            .Where(block => block.Needs is null && (block.Language is not "sh" || block.Machine is ""));

        Assert.Empty(lost.Select(block => block.Name));
    }
}
