using System.Globalization;
using System.Text;
using System.Text.Json;
using NetBird.Agent.Store;

namespace NetBird.Agent.ClaudeCode;

/// <summary>A settings file of Claude Code that we change and can change back.</summary>
internal sealed class ClaudeSettingsFile
{
    /// <summary>Windows' editors begin UTF-8 with it.</summary>
    private const char ByteOrderMark = '\uFEFF';

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _path;
    private readonly bool _forEveryone;
    private bool _hasMark;

    /// <param name="forEveryone">Managed settings: every account must be able to read them.</param>
    public ClaudeSettingsFile(string path, bool forEveryone)
    {
        Named = path;
        _path = Resolve(Path.GetFullPath(path));
        _forEveryone = forEveryone;
    }

    /// <summary>The person's own, where Claude Code looks for it.</summary>
    public static string OfUser => Path.Combine(
        Environment.GetEnvironmentVariable("CLAUDE_CONFIG_DIR") is { Length: > 0 } folder
            ? folder
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".claude"),
        "settings.json");

    /// <summary>As the person knows it; a link is followed.</summary>
    public string Named { get; }

    /// <summary>The file as it was before our first change; empty when there was none.</summary>
    public string Backup => _path + ".before-netbird";

    /// <summary>Writes the form in place of one written before.</summary>
    /// <returns>False when the file already says exactly this.</returns>
    public bool Apply(ClaudeForm form)
    {
        var current = Read();
        var original = File.Exists(Backup) ? ReadBackup() : current;
        var text = Revert(string.IsNullOrWhiteSpace(current) ? "{}\n" : current, original, form);
        try
        {
            foreach (var (path, value) in form.Values)
            {
                text = JsonText.Get(text, path) == value ? text : JsonText.Set(text, value, path);
            }
        }
        catch (JsonException e)
        {
            throw new ClaudeSettingsException($"{Named}: {e.Message} Mend it first; nothing was changed.");
        }

        if (current.Contains("\r\n", StringComparison.Ordinal) && !HasLoneLineFeed(current))
        {
            text = text.ReplaceLineEndings("\r\n");
        }

        if (text == current)
        {
            return false;
        }

        if (!File.Exists(Backup))
        {
            Write(Backup, current);
        }

        Write(_path, text);
        return true;
    }

    /// <summary>Takes our values out and puts back what they replaced; what was changed since stays.</summary>
    /// <returns>False when there is nothing of ours.</returns>
    public bool Undo()
    {
        if (!File.Exists(Backup))
        {
            return false;
        }

        var original = ReadBackup();
        var current = Read();
        if (string.IsNullOrWhiteSpace(current))
        {
            // Deleted since; what was in it before us is the person's own.
            if (original.Length != 0)
            {
                Write(_path, original);
            }
        }
        else
        {
            var text = Revert(current, original, new ClaudeForm([]));
            if (original.Length == 0 && JsonText.IsEmptyObject(text))
            {
                File.Delete(_path);
            }
            else
            {
                // Where nothing but ours was changed since, the file is the very same again, blanks included.
                Write(_path, Squeeze(text) == Squeeze(original) || (string.IsNullOrWhiteSpace(original) && JsonText.IsEmptyObject(text)) ? original : text);
            }
        }

        File.Delete(Backup);
        return true;
    }

    /// <summary>Puts back what was there before us, but for the paths that <paramref name="next"/> is about to write.</summary>
    private static string Revert(string text, string original, ClaudeForm next)
    {
        foreach (var path in ClaudeForm.AllPaths.Where(path => !next.Values.Any(value => value.Path.SequenceEqual(path))))
        {
            var before = string.IsNullOrWhiteSpace(original) ? null : JsonText.Get(original, path);
            var now = JsonText.Get(text, path);
            if (path is ["env"])
            {
                text = before is null && now is not null && JsonText.IsEmptyObject(now) ? JsonText.Remove(text, path) : text;
            }
            else if (before is null && now is not null)
            {
                text = JsonText.Remove(text, path);
            }
            else if (before is not null && now != before)
            {
                text = JsonText.Set(text, before, path);
            }
        }

        return text;
    }

    private static bool HasLoneLineFeed(string text) => text.Replace("\r\n", "", StringComparison.Ordinal).Contains('\n');

    private static string Squeeze(string text) => string.Concat(text.Where(c => !char.IsWhiteSpace(c)));

    /// <summary>What was there before us; where that is damaged, neither we nor the person knows what to put back.</summary>
    private string ReadBackup()
    {
        var mark = _hasMark;
        var original = ReadText(Backup);
        _hasMark = mark;
        try
        {
            JsonText.Get(string.IsNullOrWhiteSpace(original) ? "{}" : original);
            return original;
        }
        catch (JsonException)
        {
            throw new ClaudeSettingsException(
                $"{Backup}, the copy from before this agent, is no longer valid JSON. Mend it; or delete it, and take this agent's values out of {Named} by hand. Nothing was changed.");
        }
    }

    private string Read()
    {
        if (Directory.Exists(_path) || FileOwner.IsSpecial(_path))
        {
            throw new ClaudeSettingsException($"{Named} is no file that can hold settings, but a folder, a pipe or a device. Move it away first; nothing was changed.");
        }

        if (!File.Exists(_path))
        {
            return "";
        }

        var text = ReadText(_path);
        try
        {
            JsonText.Get(string.IsNullOrWhiteSpace(text) ? "{}" : text);
        }
        catch (JsonException e)
        {
            throw new ClaudeSettingsException($"{Named} is not valid JSON ({e.Message.Split('.')[0]}). Mend it first; nothing was changed.");
        }

        return text;
    }

    /// <summary>Strictly UTF-8, since what is replaced by a question mark here would be written so. A byte order mark is remembered.</summary>
    private string ReadText(string path)
    {
        try
        {
            var bytes = File.ReadAllBytes(path);
            var text = Strict.GetString(bytes);
            _hasMark = text.StartsWith(ByteOrderMark);
            return _hasMark ? text[1..] : text;
        }
        catch (DecoderFallbackException)
        {
            throw new ClaudeSettingsException($"{Named} is no UTF-8 text, which Claude Code needs. Save it as UTF-8 first; nothing was changed.");
        }
    }

    /// <summary>In one step, with the mode the file had.</summary>
    private void Write(string path, string text)
    {
        var folder = Path.GetDirectoryName(path)!;
        try
        {
            Directory.CreateDirectory(folder);
            var mode = OperatingSystem.IsWindows() ? default
                : File.Exists(_path) ? File.GetUnixFileMode(_path)
                : UnixFileMode.UserRead | UnixFileMode.UserWrite | (_forEveryone ? UnixFileMode.GroupRead | UnixFileMode.OtherRead : 0);
            PrivateFile.Replace(path, Strict.GetBytes(_hasMark ? ByteOrderMark + text : text));
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, mode);
            }
        }
        catch (UnauthorizedAccessException)
        {
            throw new ClaudeSettingsException($"{path} may not be written by this account.", ExitCode.NotPermitted);
        }
        catch (IOException e)
        {
            throw new ClaudeSettingsException($"{path} cannot be written: {e.Message}");
        }
    }

    /// <summary>Follows a link, as dotfiles often are, but only to a file and in a folder of our own.</summary>
    private static string Resolve(string path)
    {
        var target = new FileInfo(path) is { LinkTarget: not null } link
            ? link.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? throw new ClaudeSettingsException($"{path} is a link that leads nowhere.")
            : path;
        foreach (var part in new[] { path, Path.GetDirectoryName(path)!, target, Path.GetDirectoryName(target)! })
        {
            if (Path.Exists(part) && OwnerOf(part) is { } owner && owner != ProcessOwner.Uid)
            {
                throw new ClaudeSettingsException(string.Create(CultureInfo.InvariantCulture,
                    $"{part} belongs to uid {owner}, and this is uid {ProcessOwner.Uid}; what somebody else can change is not written through."), ExitCode.NotPermitted);
            }
        }

        return target;
    }

    private static uint? OwnerOf(string path) => FileOwner.Of(path);
}

/// <summary>The settings were not changed; the message says why.</summary>
internal sealed class ClaudeSettingsException(string message, int exitCode = ExitCode.Failed) : Exception(message)
{
    public int ExitCode => exitCode;
}
