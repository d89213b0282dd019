namespace NetBird.CommandLine;

/// <summary>
/// Shell completions. Each asks the program itself by System.CommandLine's <c>[suggest]</c> directive, so a new option
/// completes without a new script.
/// </summary>
internal static class Completions
{
    public static string Bash(string program) => $$"""
        _{{Identifier(program)}}() {
          local IFS=$'\n'
          COMPREPLY=($(compgen -W "$("{{program}}" "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _{{Identifier(program)}} {{program}}

        """;

    public static string Zsh(string program) => $$"""
        #compdef {{program}}
        _{{Identifier(program)}}() {
          local -a found
          found=("${(@f)$("{{program}}" "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
          compadd -a found
        }
        _{{Identifier(program)}} "$@"

        """;

    public static string Fish(string program)
        => $"complete -f -c {program} -a '(set -l line (commandline -cp); {program} \"[suggest:\"(string length -- $line)\"]\" $line 2>/dev/null)'\n";

    private static string Identifier(string program) => program.Replace('-', '_');
}
