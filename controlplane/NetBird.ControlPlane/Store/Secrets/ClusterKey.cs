using System.Security.Cryptography;
using System.Text;
using NetBird.ControlPlane.Store.LiteDb;

namespace NetBird.ControlPlane.Store.Secrets;

/// <summary>
/// Seals every other secret, in the state directory and in PostgreSQL: 32 bytes in a file, the one secret that lies in
/// clear, and that several nodes share. A dump of the database alone, or of the directory without that file, opens
/// nothing. AES-256-GCM, bound to the secret's name.
/// </summary>
internal sealed class ClusterKey
{
    /// <summary>Place in the state directory, unless a file elsewhere is named.</summary>
    public const string FileName = "keys/cluster.key";

    private const int Size = 32;
    private static readonly int NonceSize = AesGcm.NonceByteSizes.MaxSize;
    private static readonly int TagSize = AesGcm.TagByteSizes.MaxSize;

    private readonly byte[] _key;

    private ClusterKey(byte[] key) => _key = key;

    /// <summary>Reads the file; null where there is none.</summary>
    /// <exception cref="InvalidDataException">It holds no key.</exception>
    public static ClusterKey? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var key = new byte[Size];
        return Convert.TryFromBase64String(File.ReadAllText(path).Trim(), key, out var size) && size == Size
            ? new(key)
            : throw new InvalidDataException($"{path} holds no cluster key: it is one line of base64, {Size} bytes. Copy the file of another node, or restore it from a backup.");
    }

    /// <summary>Makes a key and its file, mode 0600.</summary>
    public static ClusterKey Create(string path)
    {
        var key = RandomNumberGenerator.GetBytes(Size);
        var folder = Path.GetDirectoryName(path) ?? ".";
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        File.Delete(path + ".new");
        using (var file = LiteDbFile.CreatePrivate(path + ".new"))
        {
            file.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(key) + "\n"));
            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".new", path);
        return new(key);
    }

    public byte[] Seal(string name, byte[] content)
    {
        var whole = new byte[NonceSize + content.Length + TagSize];
        RandomNumberGenerator.Fill(whole.AsSpan(0, NonceSize));
        using var cipher = new AesGcm(_key, TagSize);
        cipher.Encrypt(
            whole.AsSpan(0, NonceSize), content, whole.AsSpan(NonceSize, content.Length), whole.AsSpan(NonceSize + content.Length), Encoding.UTF8.GetBytes(name));
        return whole;
    }

    /// <summary>What was sealed, or null when this is not the key, or the row was changed.</summary>
    public byte[]? Open(string name, byte[] whole)
    {
        if (whole.Length < NonceSize + TagSize)
        {
            return null;
        }

        var content = new byte[whole.Length - NonceSize - TagSize];
        try
        {
            using var cipher = new AesGcm(_key, TagSize);
            cipher.Decrypt(
                whole.AsSpan(0, NonceSize), whole.AsSpan(NonceSize, content.Length), whole.AsSpan(NonceSize + content.Length), content, Encoding.UTF8.GetBytes(name));
            return content;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
