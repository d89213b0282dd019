using System.Text;

namespace NetBird.WireGuard.Tests.Linux.Kernel;

/// <summary>Writes an initramfs: cpio "newc", Documentation/driver-api/early-userspace/buffer-format.rst.</summary>
internal sealed class CpioArchive(Stream output) : IDisposable
{
    private const int Directory = 0x41ED; // 040755
    private const int Executable = 0x81ED; // 0100755

    private readonly HashSet<string> _folders = [];
    private int _inode = 1;

    public void AddFile(string path, byte[] content)
    {
        AddFolder(Path.GetDirectoryName(path)!);
        Add(path, Executable, content);
    }

    public void AddFolder(string path)
    {
        path = path.Trim('/');
        if (path.Length == 0 || !_folders.Add(path))
        {
            return;
        }

        AddFolder(Path.GetDirectoryName(path)!);
        Add(path, Directory, []);
    }

    public void Dispose() => Add("TRAILER!!!", 0, []);

    private void Add(string path, int mode, byte[] content)
    {
        var name = Encoding.ASCII.GetBytes(path.TrimStart('/') + '\0');

        // Magic, inode, mode, uid, gid, links, time, size, device (2), special device (2), name length, checksum.
        int[] fields = [_inode++, mode, 0, 0, 1, 0, content.Length, 0, 0, 0, 0, name.Length, 0];
        output.Write(Encoding.ASCII.GetBytes("070701" + string.Concat(fields.Select(field => field.ToString("X8", null)))));
        Write(name, headerLength: 110);
        Write(content, headerLength: 0);
    }

    private void Write(byte[] bytes, int headerLength)
    {
        output.Write(bytes);
        output.Write(new byte[(4 - ((headerLength + bytes.Length) % 4)) % 4]);
    }
}
