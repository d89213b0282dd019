using System.CommandLine;
using System.CommandLine.Help;

namespace NetBird.CommandLine;

/// <summary>One command as documents show it.</summary>
/// <param name="Name">All words from the program on, such as <c>netbird-agent claude setup</c>.</param>
/// <param name="Command">Its definition.</param>
internal sealed record DocumentedCommand(string Name, Command Command)
{
    /// <summary>Options people may use, by name; help, which every command has, left out.</summary>
    public IEnumerable<Option> Options
        => Command.Options.Where(option => !option.Hidden && option is not (HelpOption or VersionOption))
            .OrderBy(option => option.Name, StringComparer.Ordinal);

    /// <summary>The line that shows how it is written.</summary>
    public string Synopsis => string.Join(' ', new[] { Name }
        .Concat(Command.Subcommands.Any(child => !child.Hidden) ? ["COMMAND"] : [])
        .Concat(Options.Any() ? ["[OPTIONS]"] : [])
        .Concat(Command.Arguments.Where(argument => !argument.Hidden).Select(Placeholder)));

    /// <summary>An option as typed, with its value's name.</summary>
    public static string Usage(Option option)
        => string.Join(", ", option.Aliases.Order(StringComparer.Ordinal).Append(option.Name))
            + (option.Arity.MaximumNumberOfValues == 0 || option.ValueType == typeof(bool) ? "" : " " + (option.HelpName ?? "VALUE").ToUpperInvariant());

    /// <summary>The command and all below it, in order.</summary>
    public static IEnumerable<DocumentedCommand> Walk(Command root, string program)
    {
        yield return new(program, root);
        foreach (var child in root.Subcommands.Where(child => !child.Hidden).OrderBy(child => child.Name, StringComparer.Ordinal))
        {
            foreach (var below in Walk(child, $"{program} {child.Name}"))
            {
                yield return below;
            }
        }
    }

    private static string Placeholder(Argument argument)
    {
        var name = argument.Name.ToUpperInvariant();
        var many = argument.Arity.MaximumNumberOfValues > 1 ? " ..." : "";
        return argument.Arity.MinimumNumberOfValues == 0 ? $"[{name}{many}]" : name + many;
    }
}
