using System.CommandLine;

namespace NetBird.CommandLine;

/// <summary>
/// The hidden command <c>documentation man|markdown|bash|zsh|fish</c>: manual, reference and shell completions made
/// from the command definitions themselves, so that they cannot fall behind.
/// </summary>
public static class Documentation
{
    /// <summary>Makes the command for <paramref name="root"/>; the caller adds it to it.</summary>
    /// <param name="root">The whole command tree.</param>
    /// <param name="program">Name of the executable, as people type it.</param>
    public static Command CreateCommand(Command root, string program)
    {
        var command = new Command("documentation", "Prints the manual or shell completions of this program.") { Hidden = true };
        Add("man", "A manual page, section 1.", () => ManualPage.Of(root, program));
        Add("markdown", "The reference of every command and option.", () => MarkdownReference.Of(root, program));
        Add("bash", "Completions for bash.", () => Completions.Bash(program));
        Add("zsh", "Completions for zsh.", () => Completions.Zsh(program));
        Add("fish", "Completions for fish.", () => Completions.Fish(program));
        return command;

        void Add(string name, string description, Func<string> text)
        {
            var form = new Command(name, description);
            form.SetAction(parsed =>
            {
                parsed.InvocationConfiguration.Output.Write(text());
                return ExitCode.Done;
            });
            command.Subcommands.Add(form);
        }
    }
}
