namespace NetBird.Agent.Store;

/// <summary>
/// Named sets of state beside the default one, each with its own login, agent and endpoint; and which of them the commands
/// mean when none is named.
/// </summary>
internal static class Profiles
{
    /// <summary>The state directory itself.</summary>
    public const string Default = "default";

    private const string Folder = "profiles";

    /// <summary>Holds the name of the chosen one; absent for the default.</summary>
    private const string ChoiceFile = "profile";

    /// <summary>Ours: leaves room for the sockets in a home folder (107 bytes, unix(7)).</summary>
    private const int LongestName = 32;

    /// <summary>Letters, digits, '-', '_' and '.', not at the beginning: a folder's name that means the same everywhere.</summary>
    public static bool IsName(string name)
        => name.Length is > 0 and <= LongestName && name[0] != '.' && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    public static string NoName(string name) => $"'{name}' is no name for a profile: letters, digits, '-', '_' and '.', {LongestName} at most.";

    /// <exception cref="StateDirectoryException">It is no name.</exception>
    public static string PathOf(string root, string name)
        => name == Default ? root
            : IsName(name) ? Path.Combine(root, Folder, name)
            : throw new StateDirectoryException(NoName(name));

    /// <summary>The name of the profile whose state that folder is; null for the default one and for other folders.</summary>
    public static string? NameOf(string path)
        => Path.GetFileName(Path.GetDirectoryName(path)) == Folder && Path.GetFileName(path) is var name && IsName(name) ? name : null;

    /// <summary>The one that commands mean without a name; null for the default one.</summary>
    public static string? Chosen(string root)
    {
        try
        {
            var file = Path.Combine(root, ChoiceFile);
            return File.Exists(file) && File.ReadAllText(file).Trim() is var name && IsName(name) && Directory.Exists(PathOf(root, name)) ? name : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The default one first, then by name.</summary>
    public static IReadOnlyList<string> List(string root)
    {
        var folder = Path.Combine(root, Folder);
        var folders = Directory.Exists(folder) ? Directory.GetDirectories(folder) : [];
        return [Default, .. folders.Select(static path => Path.GetFileName(path)).Where(IsName).Order(StringComparer.Ordinal)];
    }

    /// <summary>Makes a name the one that commands mean from now on, and its folder where there is none yet.</summary>
    /// <exception cref="StateDirectoryException">The folder cannot be made or trusted.</exception>
    public static void Choose(string root, string name)
    {
        StateDirectory.At(root).Prepare();
        var file = Path.Combine(root, ChoiceFile);
        if (name == Default)
        {
            File.Delete(file);
            return;
        }

        StateDirectory.At(root, name).Prepare();
        PrivateFile.Replace(file, System.Text.Encoding.ASCII.GetBytes(name + "\n"));
    }

    /// <summary>Removes a profile's state. For one that is neither running nor logged in.</summary>
    public static void Remove(string root, string name)
    {
        if (Chosen(root) == name)
        {
            Choose(root, Default);
        }

        Directory.Delete(PathOf(root, name), recursive: true);
    }
}
