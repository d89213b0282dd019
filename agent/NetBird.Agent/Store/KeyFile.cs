using System.Security.Cryptography;
using System.Text;
using NetBird.WireGuard;

namespace NetBird.Agent.Store;

/// <summary>The machine's tunnel key in a file of its own; made at first use, never sent anywhere.</summary>
internal static class KeyFile
{
    /// <summary>Reads the key, or makes one.</summary>
    /// <exception cref="StateDirectoryException">The file is damaged, a link, or readable by others.</exception>
    public static PrivateKey LoadOrCreate(StateDirectory state)
    {
        var path = state.PrivateKeyFile;
        var file = new FileInfo(path);
        if (file.LinkTarget is not null)
        {
            throw new StateDirectoryException($"{path} is a symbolic link; the private key is never read through one.");
        }

        return file.Exists ? Load(path) : Create(path);
    }

    private static PrivateKey Load(string path)
    {
        if (!PrivateFile.IsPrivate(path))
        {
            throw new StateDirectoryException(
                $"{path} can be read by others, so the key in it is no longer private. Remove it; the agent makes a new one and logs in again.");
        }

        if (FileOwner.Of(path) is { } owner && owner != ProcessOwner.Uid)
        {
            throw new StateDirectoryException($"{path} belongs to somebody else (uid {owner}).");
        }

        var text = File.ReadAllText(path);
        return PrivateKey.TryParse(text) ?? throw new StateDirectoryException(
            $"{path} holds no private key. Remove it; the agent makes a new one and logs in again.");
    }

    private static PrivateKey Create(string path)
    {
        var key = PrivateKey.Generate();
        var bytes = new byte[PrivateKey.Size];
        key.Export(bytes);
        var text = Encoding.ASCII.GetBytes(Convert.ToBase64String(bytes) + "\n");
        CryptographicOperations.ZeroMemory(bytes);
        try
        {
            PrivateFile.Replace(path, text);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(text);
        }

        return key;
    }
}
