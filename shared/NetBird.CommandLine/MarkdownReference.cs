using System.CommandLine;
using System.Text;

namespace NetBird.CommandLine;

/// <summary>The command tree as a Markdown reference.</summary>
internal static class MarkdownReference
{
    public static string Of(Command root, string program)
    {
        var page = new StringBuilder($"# {program}\n\n{root.Description}\n");
        foreach (var command in DocumentedCommand.Walk(root, program))
        {
            if (command.Name != program)
            {
                page.Append($"\n## {command.Name}\n\n{command.Command.Description}\n");
            }

            page.Append($"\n    {command.Synopsis}\n");
            var options = command.Options.ToList();
            if (options.Count == 0)
            {
                continue;
            }

            page.Append("\n| option | meaning |\n|---|---|\n");
            foreach (var option in options)
            {
                page.Append($"| `{DocumentedCommand.Usage(option)}` | {Cell(option.Description)} |\n");
            }
        }

        return page.ToString();
    }

    private static string Cell(string? text)
        => (text ?? "").Replace("|", "\\|", StringComparison.Ordinal).Replace('\n', ' ');
}
