namespace Architecture.Tests;

/// <summary>The checkout these tests were built from, as git or the disk shows it.</summary>
internal static class Tree
{
    public static string Root { get; } = FindRoot();

    /// <summary>Files of ours with an ending, without build output; paths relative to the root, with slashes.</summary>
    public static IEnumerable<string> Files(string ending)
        => Directory.EnumerateFiles(Root, "*" + ending, SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Where(path => !path.Split('/').Any(part => part is "artifacts" or "obj" or "bin" or "node_modules" or ".git"));

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "NetBird.Agent.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("NetBird.Agent.sln is above no test binary.");
    }
}
