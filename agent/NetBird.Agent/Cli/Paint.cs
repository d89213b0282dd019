namespace NetBird.Agent.Cli;

/// <summary>Colours words, or leaves them as they are where nobody would see it.</summary>
internal readonly record struct Paint(bool On)
{
    public string Good(string text) => Colour(text, 32);

    public string Warning(string text) => Colour(text, 33);

    public string Bad(string text) => Colour(text, 31);

    public string Faint(string text) => Colour(text, 2);

    private string Colour(string text, int code) => On ? $"\x1b[{code}m{text}\x1b[0m" : text;
}
