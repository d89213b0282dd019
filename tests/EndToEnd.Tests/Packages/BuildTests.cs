using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace EndToEnd.Tests.Packages;

/// <summary>What installers/build.sh leaves: for every processor what is for it, small enough, and twice the same.</summary>
public sealed class BuildTests
{
    /// <summary>Ours: what an agent's download may weigh.</summary>
    private const long AgentLimitBytes = 40_000_000;

    [SkippableTheory]
    [InlineData("netbird-agent_*_amd64.deb", 62)] // ELF e_machine: EM_X86_64
    [InlineData("netbird-agent_*_arm64.deb", 183)] // EM_AARCH64
    [InlineData("netbird-controlplane_*_arm64.deb", 183)]
    public async Task LinuxProgram_IsForItsProcessor(string pattern, int machine)
    {
        var package = await BuiltPackages.FindAsync(pattern);
        var name = Path.GetFileName(package).Split('_')[0];
        var program = await Command.RunAsync("sh", ["-c", $"dpkg-deb --fsys-tarfile \"$0\" | tar -xO ./usr/lib/{name}/{name} | od -An -tu1 -N20 -v", package]);

        var header = program.Output.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(int.Parse).ToArray();
        Assert.Equal([0x7f, 'E', 'L', 'F', 2, 1], header[..6]); // 64 bits, little-endian
        Assert.Equal(machine, header[18]);
    }

    [SkippableFact]
    public async Task MacProgram_IsForItsProcessor()
    {
        var program = await Command.RunAsync("sh", ["-c", "tar -xJOf \"$0\" ./usr/local/lib/netbird-agent/netbird-agent | od -An -tx1 -N8 -v", await BuiltPackages.FindAsync("netbird-agent_*_osx-arm64.tar.xz")]);

        // mach-o/loader.h: MH_MAGIC_64; mach/machine.h: CPU_TYPE_ARM64.
        Assert.Equal("cf fa ed fe 0c 00 00 01", program.Output.Trim());
    }

    [SkippableTheory]
    [InlineData("netbird-agent_*_amd64.deb")]
    [InlineData("netbird-agent_*_arm64.deb")]
    [InlineData("netbird-agent-*.x86_64.rpm")]
    [InlineData("netbird-agent-*.aarch64.rpm")]
    [InlineData("netbird-agent_*_osx-arm64.tar.xz")]
    public async Task Agent_IsUnderFortyMegabytes(string pattern)
        => Assert.InRange(new FileInfo(await BuiltPackages.FindAsync(pattern)).Length, 1, AgentLimitBytes);

    [SkippableFact]
    public async Task WhatIsLeftOutOfTheRuntime_IsAskedForByNothing()
    {
        var scratch = Directory.CreateTempSubdirectory("netbird-references-");
        try
        {
            var unpacked = await Command.RunAsync("dpkg-deb", ["-x", await BuiltPackages.FindAsync("netbird-agent_*_amd64.deb"), scratch.FullName]);
            Assert.True(unpacked.ExitCode == 0, unpacked.ToString());
            var folder = Path.Combine(scratch.FullName, "usr/lib/netbird-agent");
            var missing = new List<string>();
            var seen = new HashSet<string>();
            var next = new Queue<string>(["netbird-agent", "System.Private.CoreLib"]);
            while (next.TryDequeue(out var name))
            {
                if (seen.Add(name))
                {
                    using var file = new PEReader(File.OpenRead(Path.Combine(folder, name + ".dll")));
                    var metadata = file.GetMetadataReader();
                    foreach (var reference in metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name)))
                    {
                        if (File.Exists(Path.Combine(folder, reference + ".dll")))
                        {
                            next.Enqueue(reference);
                        }
                        else
                        {
                            missing.Add($"{reference}, by {name}");
                        }
                    }
                }
            }

            Assert.True(seen.Count > 100);
            Assert.Empty(missing);
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    [SkippableTheory]
    [InlineData("netbird-agent.cdx.json")]
    [InlineData("netbird-controlplane.cdx.json")]
    public async Task BillOfMaterials_IsValid(string name)
    {
        Skip.IfNot(Checkout.NodeModules is { } modules && Directory.Exists(Path.Combine(modules, "@cyclonedx")), "@cyclonedx/cyclonedx-library is not installed (npm).");
        var bill = await BuiltPackages.FindAsync(name);

        var result = await Command.RunAsync("node", [Path.Combine(Checkout.Root, "tests/EndToEnd.Tests/Packages/cyclonedx.mjs"), bill]);

        Assert.True(result.ExitCode == 0, result.ToString());
        var notices = await File.ReadAllTextAsync(await BuiltPackages.FindAsync(name.Replace(".cdx.json", ".THIRD-PARTY-NOTICES.txt", StringComparison.Ordinal)));
        Assert.DoesNotContain("licence: not found", notices, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task SameCommit_TwiceGivesTheSameBytes()
    {
        var first = Path.GetDirectoryName(await BuiltPackages.FindAsync("SHA256SUMS"))!;
        Skip.IfNot(Environment.GetEnvironmentVariable("NETBIRD_LONG") == "1", "Builds everything once more, which takes minutes: NETBIRD_LONG=1.");
        var second = Directory.CreateTempSubdirectory("netbird-again-");
        try
        {
            // In another folder: the path of a checkout must not be in a package.
            var clone = Path.Combine(second.FullName, "clone");
            var cloned = await Command.RunAsync("git", ["clone", "-q", Checkout.Root, clone]);
            Assert.True(cloned.ExitCode == 0, cloned.ToString());
            var made = await Command.RunAsync(Path.Combine(clone, "installers/build.sh"), ["--output", Path.Combine(second.FullName, "out")], limitSeconds: 3600);
            Assert.True(made.ExitCode == 0, made.ToString());

            Assert.Equal(await File.ReadAllTextAsync(Path.Combine(first, "SHA256SUMS")), await File.ReadAllTextAsync(Path.Combine(second.FullName, "out/SHA256SUMS")));
        }
        finally
        {
            second.Delete(recursive: true);
        }
    }
}
