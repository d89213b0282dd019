namespace NetBird.Agent.Cli;

/// <summary>Where results and messages go. Colour only on a terminal that has it, and never with NO_COLOR (no-color.org).</summary>
internal static class Terminal
{
    public static TextWriter Result => Console.Out;

    public static TextWriter Message => Console.Error;

    /// <summary>Whether what is printed can be drawn over and coloured: a terminal, and not one that calls itself dumb, such as an editor's.</summary>
    public static bool Draws { get; } = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";

    public static bool ColourResult { get; } = Draws && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    public static Paint Paint => new(ColourResult);

    public static int Fail(string message, int exitCode)
    {
        try
        {
            Message.WriteLine(Fitted.Message(message));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Standard error is closed or full: the exit code says it alone.
        }

        return exitCode;
    }
}
