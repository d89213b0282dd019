using System.CommandLine;
using System.Text;

namespace NetBird.CommandLine;

/// <summary>The command tree as a manual page in man(7) macros.</summary>
internal static class ManualPage
{
    public static string Of(Command root, string program)
    {
        var page = new StringBuilder();
        page.Append($".TH {Escape(program).ToUpperInvariant()} 1\n");
        page.Append($".SH NAME\n{Escape(program)} \\- {Escape(FirstSentence(root.Description))}\n");
        page.Append(".SH SYNOPSIS\n");
        foreach (var command in DocumentedCommand.Walk(root, program))
        {
            page.Append($".B {Escape(command.Synopsis)}\n.br\n");
        }

        page.Append($".SH DESCRIPTION\n{Text(root.Description)}\n.SH COMMANDS\n");
        foreach (var command in DocumentedCommand.Walk(root, program).Skip(1))
        {
            page.Append($".SS {Escape(command.Synopsis)}\n{Text(command.Command.Description)}\n");
            AppendOptions(page, command);
        }

        page.Append(".SH OPTIONS\n");
        AppendOptions(page, new(program, root));
        page.Append(".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 3 not running or not connected, 4 login needed, 5 not permitted.\n");
        return page.ToString();
    }

    private static void AppendOptions(StringBuilder page, DocumentedCommand command)
    {
        foreach (var option in command.Options)
        {
            page.Append($".TP\n.B {Escape(DocumentedCommand.Usage(option))}\n{Text(option.Description)}\n");
        }
    }

    private static string FirstSentence(string? text)
        => text is null ? "" : text.Split(". ", 2)[0].Split('\n', 2)[0].TrimEnd('.');

    // Each line may begin with a dot or quote, which roff would take for a request.
    private static string Text(string? text)
        => string.Join("\n.br\n", (text ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => Escape(line) is [('.' or '\''), ..] escaped ? "\\&" + escaped : Escape(line)));

    private static string Escape(string text)
        => text.Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal);
}
