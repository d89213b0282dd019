using System.CommandLine;

namespace NetBird.CommandLine.Tests;

public sealed class WrongUsageTests
{
    private readonly RootCommand _root;
    private readonly Command _user;

    public WrongUsageTests()
    {
        var create = new Command("create", "Makes a person. The password is shown once.") { new Option<string>("--group") };
        create.SetAction(_ => 0);
        _user = new("user", "People.") { create };
        _root = new("All of it.") { _user };
    }

    [Theory]
    [InlineData("usre", "Unrecognized command or argument 'usre'.", "Did you mean 'user'?", "See: tool --help")]
    [InlineData("frobnicate", "Unrecognized command or argument 'frobnicate'.", "See: tool --help")]
    [InlineData("", "Name a command.", "See: tool --help")]
    [InlineData("user", "Name a command.", "See: tool user --help")]
    [InlineData("user create --grup x", "Unrecognized command or argument '--grup'.", "Unrecognized command or argument 'x'.", "Did you mean '--group'?", "See: tool user create --help")]
    [InlineData("user create --group x")]
    public void Lines_OfWhatWasTyped_SayWhatIsWrongOnceAndWhereToRead(string typed, params string[] lines)
        => Assert.Equal(lines, WrongUsage.Lines(_root.Parse(typed.Split(' ', StringSplitOptions.RemoveEmptyEntries)), "tool"));

    [Fact]
    public void ShortenLists_OfACommand_KeepsTheFirstSentenceOfThoseBelow()
    {
        WrongUsage.ShortenLists(_root.Parse(["user"]));

        Assert.Equal(("People.", "Makes a person."), (_user.Description, _user.Subcommands.Single().Description));
    }
}
