using System.CommandLine;

namespace NetBird.CommandLine;

/// <summary>Words for a command line that cannot be understood, and a help that is read at a glance.</summary>
public static class WrongUsage
{
    // System.CommandLine's own words.
    private const string NoCommand = "Required command was not provided.";

    /// <summary>What is wrong, what may have been meant and where to read on: lines for standard error. Empty: nothing is wrong.</summary>
    /// <param name="parsed">What was typed.</param>
    /// <param name="program">Name of the executable.</param>
    public static IReadOnlyList<string> Lines(ParseResult parsed, string program)
    {
        ArgumentNullException.ThrowIfNull(parsed);
        if (parsed.Errors.Count == 0)
        {
            return [];
        }

        // Where a word is not known, that none of the known ones was found either says nothing.
        var errors = parsed.Errors.Select(error => error.Message).ToList();
        var lines = (errors.Count > 1 ? errors.Where(error => error != NoCommand) : errors).Select(error => error == NoCommand ? "Name a command." : error).ToList();
        if (parsed.UnmatchedTokens is [var word, ..] && Suggestion.For(parsed.CommandResult.Command, word) is { } meant)
        {
            lines.Add($"Did you mean '{meant}'?");
        }

        var path = parsed.CommandResult.Command.Parents.OfType<Command>().Any()
            ? $"{program} {PathOf(parsed.CommandResult.Command)} --help" : $"{program} --help";
        lines.Add($"See: {path}");
        return lines;
    }

    /// <summary>In a list of commands the first sentence of each; all of it is in each command's own help.</summary>
    public static void ShortenLists(ParseResult parsed)
    {
        ArgumentNullException.ThrowIfNull(parsed);
        foreach (var command in parsed.CommandResult.Command.Subcommands)
        {
            var text = command.Description ?? "";
            var end = text.IndexOf(". ", StringComparison.Ordinal);
            command.Description = end < 0 ? text.Split('\n')[0] : text[..(end + 1)].Split('\n')[0];
        }
    }

    private static string PathOf(Command command)
        => command.Parents.OfType<Command>().FirstOrDefault(parent => parent is not RootCommand) is { } parent
            ? $"{PathOf(parent)} {command.Name}" : command.Name;
}
