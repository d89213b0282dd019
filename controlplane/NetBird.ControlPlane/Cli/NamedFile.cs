namespace NetBird.ControlPlane.Cli;

/// <summary>Files that a command line names.</summary>
internal static class NamedFile
{
    /// <summary>The text in it.</summary>
    /// <exception cref="CliException">There is no such file.</exception>
    public static async Task<string> ReadAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await File.ReadAllTextAsync(name, cancellationToken);
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CliException($"There is no file {name}.", NetBird.CommandLine.ExitCode.WrongUsage);
        }
    }
}
