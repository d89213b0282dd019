using System.Text.Json;
using NetBird.ControlPlane.Store.LiteDb;

namespace NetBird.ControlPlane.AdminApi;

/// <summary><c>STATE/serve.json</c>: where the running control plane is reached, for the other verbs on this machine.</summary>
internal static class ServeFile
{
    public const string FileName = "serve.json";

    public static void Write(string stateDirectory, Uri url)
    {
        var path = Path.Combine(stateDirectory, FileName);
        var temporary = path + ".new";
        File.Delete(temporary);
        using (var file = LiteDbFile.CreatePrivate(temporary))
        {
            JsonSerializer.Serialize(file, new Content(url.AbsoluteUri.TrimEnd('/'), Environment.ProcessId), AdminJson.Options);
        }

        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>The URL, or null where nothing runs or ran.</summary>
    public static Uri? Read(string stateDirectory)
    {
        try
        {
            using var file = File.OpenRead(Path.Combine(stateDirectory, FileName));
            var content = JsonSerializer.Deserialize<Content>(file, AdminJson.Options);
            return Uri.TryCreate(content?.Url, UriKind.Absolute, out var url) ? url : null;
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    public static void Remove(string stateDirectory) => File.Delete(Path.Combine(stateDirectory, FileName));

    private sealed record Content(string Url, int ProcessId);
}
