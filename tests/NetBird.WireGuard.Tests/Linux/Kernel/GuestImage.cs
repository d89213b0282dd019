using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace NetBird.WireGuard.Tests.Linux.Kernel;

/// <summary>
/// An initramfs with what a kernel needs to run tests/KernelGuest: WireGuard's and TUN's modules, busybox, wg(8),
/// this .NET runtime and the guest program with their libraries.
/// </summary>
internal static class GuestImage
{
    // Ours: poweroff needs no disk and no services; the last line before it tells a crash from an end.
    private const string Init =
        """
        #!/bin/busybox sh
        /bin/busybox mount -t proc proc /proc
        /bin/busybox mount -t sysfs sysfs /sys
        /bin/busybox mount -t devtmpfs dev /dev
        /bin/busybox mkdir -p /dev/net /tmp /run
        [ -e /dev/net/tun ] || /bin/busybox mknod /dev/net/tun c 10 200
        for module in $(/bin/busybox cat /modules/order); do
          /bin/busybox insmod /modules/$module || echo "FAIL insmod $module"
        done
        [ -e /dev/net/tun ] || /bin/busybox mknod /dev/net/tun c 10 200
        /bin/busybox ip link set lo up
        export DOTNET_ROOT=/dotnet DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_TieredPGO=0 DOTNET_EnableDiagnostics=0
        export LD_LIBRARY_PATH=/lib HOME=/tmp
        /guest/kernel-guest
        /bin/busybox poweroff -f

        """;

    /// <param name="file">Where to write it.</param>
    /// <param name="modules">/lib/modules/VERSION of the kernel.</param>
    /// <param name="guest">Build output of tests/KernelGuest.</param>
    public static void Write(string file, string modules, string guest)
    {
        using var output = new BufferedStream(File.Create(file), 1 << 20);
        using var archive = new CpioArchive(output);
        foreach (var folder in (string[])["proc", "sys", "dev", "tmp", "run", "var"])
        {
            archive.AddFolder(folder);
        }

        archive.AddFile("init", Encoding.ASCII.GetBytes(Init.ReplaceLineEndings("\n")));
        AddModules(archive, modules);

        var runtime = RuntimeEnvironment.GetRuntimeDirectory().TrimEnd('/');
        var version = Path.GetFileName(runtime);
        var root = Path.GetFullPath(Path.Combine(runtime, "../../.."));
        AddFolder(archive, runtime, $"dotnet/shared/Microsoft.NETCore.App/{version}");
        var resolver = Directory.GetDirectories(Path.Combine(root, "host/fxr")).Order(StringComparer.Ordinal).Last();
        AddFolder(archive, resolver, $"dotnet/host/fxr/{Path.GetFileName(resolver)}");
        AddFolder(archive, guest, "guest");

        var busybox = Tool("busybox");
        var wg = Tool("wg");
        archive.AddFile("bin/busybox", File.ReadAllBytes(busybox));
        archive.AddFile("bin/wg", File.ReadAllBytes(wg));
        string[] needy =
        [
            wg, Path.Combine(guest, "kernel-guest"), .. Directory.GetFiles(runtime, "*.so"), .. Directory.GetFiles(resolver, "*.so"),
            .. Directory.GetFiles(guest, "libsodium.so", SearchOption.AllDirectories).Where(path => path.Contains("/linux-x64/", StringComparison.Ordinal)),
            .. OpenSsl(),
        ];
        foreach (var library in Libraries(needy))
        {
            archive.AddFile(library, File.ReadAllBytes(library));
        }
    }

    /// <summary>The path of a program, or null.</summary>
    public static string? FindTool(string name)
        => ((string[])[.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'), "/bin", "/usr/bin", "/sbin", "/usr/sbin"])
            .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private static string Tool(string name) => FindTool(name) ?? throw new FileNotFoundException($"{name} is not installed.");

    private static void AddFolder(CpioArchive archive, string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var relative = Path.GetRelativePath(from, file);
            var isOfAnotherSystem = relative.StartsWith("runtimes/", StringComparison.Ordinal)
                && !relative.StartsWith("runtimes/linux-x64/", StringComparison.Ordinal)
                && !relative.StartsWith("runtimes/unix/", StringComparison.Ordinal);
            if (!isOfAnotherSystem)
            {
                archive.AddFile($"{to}/{relative}", File.ReadAllBytes(file));
            }
        }
    }

    private static void AddModules(CpioArchive archive, string folder)
    {
        var files = Directory.EnumerateFiles(folder, "*.ko*", SearchOption.AllDirectories)
            .ToLookup(path => Path.GetFileName(path).Split('.')[0].Replace('-', '_'));
        var order = new List<string>();
        foreach (var module in (string[])["wireguard", "tun"])
        {
            AddModule(archive, module, files, order);
        }

        archive.AddFile("modules/order", Encoding.ASCII.GetBytes(string.Join('\n', order)));
    }

    private static void AddModule(CpioArchive archive, string module, ILookup<string, string> files, List<string> order)
    {
        // What is not there is built into the kernel.
        if (order.Contains(module) || files[module].FirstOrDefault() is not { } file)
        {
            return;
        }

        var content = file.EndsWith(".xz", StringComparison.Ordinal) ? Run("xz", "-dc", file) : File.ReadAllBytes(file);
        foreach (var needed in DependenciesOf(content))
        {
            AddModule(archive, needed.Replace('-', '_'), files, order);
        }

        archive.AddFile($"modules/{module}", content);
        order.Add(module);
    }

    /// <summary>The "depends=" string of a module's .modinfo section, by which depmod(8) could not do better.</summary>
    private static string[] DependenciesOf(byte[] module)
    {
        var start = module.AsSpan().IndexOf("\0depends="u8);
        if (start < 0)
        {
            return [];
        }

        var rest = module.AsSpan(start + 9);
        return Encoding.ASCII.GetString(rest[..rest.IndexOf((byte)0)]).Split(',', StringSplitOptions.RemoveEmptyEntries);
    }

    private static IEnumerable<string> OpenSsl()
        => Encoding.ASCII.GetString(Run("/sbin/ldconfig", "-p")).Split('\n')
            .Where(line => line.Contains("libssl.so.", StringComparison.Ordinal) || line.Contains("libcrypto.so.", StringComparison.Ordinal))
            .Where(line => line.Contains("x86-64", StringComparison.Ordinal))
            .Select(line => line.Split("=> ")[1].Trim());

    private static HashSet<string> Libraries(IEnumerable<string> files)
    {
        var all = files.ToArray();
        var found = all.Where(path => Path.GetFileName(path).StartsWith("libssl", StringComparison.Ordinal)
            || Path.GetFileName(path).StartsWith("libcrypto", StringComparison.Ordinal)).ToHashSet();
        foreach (var line in all.SelectMany(file => Encoding.ASCII.GetString(Run("ldd", file)).Split('\n')))
        {
            // "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)" or "/lib64/ld-linux-x86-64.so.2 (0x...)".
            var path = line.Split("=>")[^1].Trim().Split(' ')[0];
            if (path.StartsWith('/') && File.Exists(path))
            {
                found.Add(path);
            }
        }

        return found;
    }

    private static byte[] Run(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        _ = process.StandardError.ReadToEndAsync();
        using var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        return output.ToArray();
    }
}
