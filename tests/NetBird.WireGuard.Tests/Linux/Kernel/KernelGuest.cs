using System.Diagnostics;
using System.Reflection;

namespace NetBird.WireGuard.Tests.Linux.Kernel;

/// <summary>
/// Boots Debian's kernel in QEMU once and keeps what the guest said. Emulated, so that it runs on a machine
/// without virtualization, and without a network or a disk.
/// </summary>
public sealed class KernelGuest : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(18);

    /// <summary>Why there is no guest, or null.</summary>
    public string? Missing { get; private set; }

    /// <summary>The lines of the serial console.</summary>
    public IReadOnlyList<string> Console { get; private set; } = [];

    public async Task InitializeAsync()
    {
        var (kernel, modules) = FindKernel();
        var guest = FindGuest();
        Missing = !OperatingSystem.IsLinux() || System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture
                != System.Runtime.InteropServices.Architecture.X64 ? "needs Linux on x86-64"
            : GuestImage.FindTool("qemu-system-x86_64") is null ? "needs qemu-system-x86_64"
            : GuestImage.FindTool("busybox") is null ? "needs busybox-static"
            : GuestImage.FindTool("wg") is null ? "needs wg(8)"
            : kernel is null ? "needs a Debian kernel with the wireguard module: NETBIRD_TEST_KERNEL, or one in /boot"
            : guest is null ? "needs the build of tests/KernelGuest"
            : null;
        if (Missing is not null)
        {
            return;
        }

        var folder = Directory.CreateTempSubdirectory("netbird-guest-");
        try
        {
            var image = Path.Combine(folder.FullName, "initramfs");
            GuestImage.Write(image, modules!, guest!);
            Console = await BootAsync(kernel!, image);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    public Task DisposeAsync() => Task.CompletedTask;

    private static async Task<IReadOnlyList<string>> BootAsync(string kernel, string image)
    {
        using var process = Process.Start(new ProcessStartInfo(
            "qemu-system-x86_64",
            [
                "-kernel", kernel, "-initrd", image, "-append", "console=ttyS0 quiet panic=-1" + (Fuzzing.IsLong ? " netbird.long" : ""), "-m", "1024", "-smp", "2", "-cpu", "max",
                "-accel", "tcg,thread=multi", "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio", "-net", "none",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        })!;
        using var limit = new CancellationTokenSource(Limit);
        var lines = new List<string>();
        try
        {
            while (await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
            {
                lines.Add(line);
            }

            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            lines.Add($"The guest did not power off within {Limit}.");
        }
        finally
        {
            process.Kill();
        }

        return lines;
    }

    /// <summary>The newest kernel under NETBIRD_TEST_KERNEL (an unpacked package) or of this machine, with its modules.</summary>
    private static (string? Kernel, string? Modules) FindKernel()
    {
        foreach (var root in (string[])[Environment.GetEnvironmentVariable("NETBIRD_TEST_KERNEL") ?? "/", "/"])
        {
            var boot = Path.Combine(root, "boot");
            foreach (var kernel in KernelsIn(boot))
            {
                var version = Path.GetFileName(kernel)["vmlinuz-".Length..];
                var modules = ((string[])["lib/modules", "usr/lib/modules"])
                    .Select(folder => Path.Combine(root, folder, version, "kernel"))
                    .FirstOrDefault(folder => Directory.Exists(Path.Combine(folder, "drivers/net/wireguard")));
                if (modules is not null)
                {
                    return (kernel, modules);
                }
            }
        }

        return (null, null);
    }

    private static IEnumerable<string> KernelsIn(string boot)
        => Directory.Exists(boot) ? Directory.GetFiles(boot, "vmlinuz-*").OrderDescending(StringComparer.Ordinal) : [];

    // The build puts it beside this assembly's own folder: artifacts/bin/PROJECT/CONFIGURATION.
    internal static string? FindGuest()
    {
        var own = new DirectoryInfo(Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location)!);
        var folder = Path.Combine(own.Parent!.Parent!.FullName, "KernelGuest", own.Name);
        return File.Exists(Path.Combine(folder, "kernel-guest")) ? folder : null;
    }
}
