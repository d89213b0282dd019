namespace NetBird.Agent.Cli;

/// <summary>Where results and messages go. Colour only on a terminal, and never with NO_COLOR (no-color.org).</summary>
internal static class Terminal
{
    public static TextWriter Result => Console.Out;

    public static TextWriter Message => Console.Error;

    public static bool ColourResult { get; } = !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    public static string Good(string text) => Paint(text, 32);

    public static string Warning(string text) => Paint(text, 33);

    public static string Bad(string text) => Paint(text, 31);

    public static string Faint(string text) => Paint(text, 2);

    public static int Fail(string message, int exitCode)
    {
        Message.WriteLine(message);
        return exitCode;
    }

    private static string Paint(string text, int code) => ColourResult ? $"\x1b[{code}m{text}\x1b[0m" : text;
}
