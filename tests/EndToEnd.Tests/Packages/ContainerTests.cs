using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using EndToEnd.Tests.Documentation;

namespace EndToEnd.Tests.Packages;

/// <summary>The OCI images, and what runs them: the compose file and the chart.</summary>
public sealed class ContainerTests
{
    private static string Folder => Path.Combine(Checkout.Root, "installers/container");

    [SkippableTheory]
    [InlineData("netbird-controlplane_*.oci.tar")]
    [InlineData("netbird-agent_*.oci.tar")]
    public async Task Image_IsAValidLayoutForAUserThatIsNotRoot(string pattern)
    {
        var scratch = Directory.CreateTempSubdirectory("netbird-oci-");
        try
        {
            await TarFile.ExtractToDirectoryAsync(await BuiltPackages.FindAsync(pattern), scratch.FullName, overwriteFiles: false);

            using var layout = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(scratch.FullName, "oci-layout")));
            Assert.Equal("1.0.0", layout.RootElement.GetProperty("imageLayoutVersion").GetString());
            using var index = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(scratch.FullName, "index.json")));
            using var manifest = JsonDocument.Parse(Blob(scratch.FullName, index.RootElement.GetProperty("manifests")[0]));
            using var configuration = JsonDocument.Parse(Blob(scratch.FullName, manifest.RootElement.GetProperty("config")));
            Assert.Equal("65532:65532", configuration.RootElement.GetProperty("config").GetProperty("User").GetString());

            using var saved = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(scratch.FullName, "manifest.json")));
            Assert.Equal(
                manifest.RootElement.GetProperty("layers").EnumerateArray().Prepend(manifest.RootElement.GetProperty("config")).Select(one => "blobs/" + one.GetProperty("digest").GetString()!.Replace(':', '/')),
                saved.RootElement[0].GetProperty("Layers").EnumerateArray().Prepend(saved.RootElement[0].GetProperty("Config")).Select(one => one.GetString()));

            var unpacked = configuration.RootElement.GetProperty("rootfs").GetProperty("diff_ids").EnumerateArray().Select(id => id.GetString()).ToList();
            var layers = manifest.RootElement.GetProperty("layers").EnumerateArray().Select(layer => Blob(scratch.FullName, layer)).ToList();
            Assert.Equal(unpacked, layers.Select(layer =>
            {
                using var plain = new GZipStream(new MemoryStream(layer), CompressionMode.Decompress);
                return "sha256:" + Convert.ToHexStringLower(SHA256.HashData(plain));
            }));
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    [SkippableFact]
    public async Task ControlPlane_RunsFromItWithoutRootOnAReadOnlyFileSystem()
    {
        var image = await BuiltPackages.FindAsync("netbird-controlplane_*.oci.tar");
        await using var machine = await Machine.StartAsync("oci");

        // What an engine does with a read-only container: layers over each other, a volume, /proc, a few devices, no capability.
        await machine.MustAsync($$"""
            mkdir -p /image /bundle/tree && cd /image && tar xf {{image}}
            manifest=$(jq -r '.manifests[0].digest' index.json | tr : /)
            for layer in $(jq -r '.layers[].digest' blobs/$manifest | tr : /); do tar -C /bundle/tree -xzf blobs/$layer; done
            mkdir -p /bundle/tree/proc /bundle/tree/dev /volume && chown 65532:65532 /volume
            mount -t tmpfs tmpfs /volume && chown 65532:65532 /volume
            mount --bind /bundle/tree /bundle/tree
            mount --bind /volume /bundle/tree/var/lib/netbird-controlplane
            mount -t tmpfs -o mode=1777 tmpfs /bundle/tree/tmp
            mount -t proc proc /bundle/tree/proc
            mount -t tmpfs tmpfs /bundle/tree/dev
            for device in null zero random urandom; do touch /bundle/tree/dev/$device; mount --bind /dev/$device /bundle/tree/dev/$device; done
            mount -o remount,bind,ro /bundle/tree
            jq -r '.config.Env[]' blobs/$(jq -r '.config.digest' blobs/$manifest | tr : /) >/bundle/env
            """);
        // chroot(2) is root's: it comes first, and nothing of root is left when the program starts.
        machine.Start($"exec env -i $(cat /bundle/env) unshare --root=/bundle/tree --setuid 65532 --setgid 65532 --wd=/tmp "
            + "/usr/bin/netbird-controlplane serve --http 127.0.0.1:8443", "/serve.log");
        CommandResult? ready = null;
        for (var i = 0; i < 150 && ready is not { ExitCode: 0 }; i++)
        {
            ready = await machine.RunAsync("curl -fsS http://127.0.0.1:8443/readyz");
            await Task.Delay(200);
        }

        var log = (await machine.RunAsync("cat /serve.log")).Output;
        Assert.True(ready is { ExitCode: 0 }, log);
        Assert.Contains("rootless", log, StringComparison.OrdinalIgnoreCase);
        var user = await machine.RunAsync("ps -o uid= -C netbird-control | sort -u | tr -d ' \\n'");
        Assert.Equal("65532", user.Output);
        var write = await machine.RunAsync("touch /bundle/tree/usr/bin/x");
        Assert.Contains("Read-only file system", write.Output, StringComparison.Ordinal);
        var created = await machine.RunAsync("env -i $(cat /bundle/env) unshare --root=/bundle/tree --setuid 65532 --setgid 65532 --wd=/tmp /usr/bin/netbird-controlplane user create ana@example.com --group Engineering");
        Assert.True(created.ExitCode == 0, created.ToString());
    }

    [SkippableFact]
    public async Task Compose_IsValidAndLinted()
    {
        Skip.IfNot(Checkout.NodeModules is { } modules && Directory.Exists(Path.Combine(modules, "dclint")), "dclint is not installed (npm).");

        var result = await Command.RunAsync("node", [Path.Combine(Checkout.NodeModules!, ".bin/dclint"), "--max-warnings", "0", Path.Combine(Folder, "compose.yaml")]);

        Assert.True(result.ExitCode == 0, result.ToString());
    }

    [SkippableTheory]
    [InlineData]
    [InlineData("--set", "oidc.issuer=https://sso.example.com", "--set", "oidc.clientId=x")]
    [InlineData("--set", "postgresSecret=", "--set", "persistence.storageClass=fast")]
    public async Task Chart_IsLintedAndRendersAsHelmDoes(params string[] values)
    {
        var helm = await HelmAsync();
        var chart = Path.Combine(Folder, "helm/netbird-controlplane");

        var lint = await Command.RunAsync(helm, ["lint", "--strict", chart, .. values]);
        var rendered = await Command.RunAsync(helm, ["template", "netbird", chart, .. values]);

        Assert.True(lint.ExitCode == 0, lint.ToString());
        Assert.True(rendered.ExitCode == 0, rendered.ToString());
        Assert.Contains("readOnlyRootFilesystem: true", rendered.Output, StringComparison.Ordinal);
        Assert.Contains("runAsNonRoot: true", rendered.Output, StringComparison.Ordinal);
        Assert.Equal(!values.Contains("postgresSecret="), rendered.Output.Contains("NETBIRD_CP_POSTGRES", StringComparison.Ordinal));
        Assert.Equal(values.Contains("oidc.clientId=x"), rendered.Output.Contains("NETBIRD_CP_OIDC_ISSUER", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task Chart_WithHalfAnIdentityProvider_IsRefusedInWords()
    {
        var helm = await HelmAsync();

        var result = await Command.RunAsync(helm, ["template", "netbird", Path.Combine(Folder, "helm/netbird-controlplane"), "--set", "oidc.issuer=https://sso.example.com"]);

        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("oidc.clientId is needed", result.Error, StringComparison.Ordinal);
    }

    /// <summary>Helm itself, which the npm package of a cloud's tools has inside.</summary>
    private static async Task<string> HelmAsync()
    {
        var archive = Path.Combine(Checkout.NodeModules ?? "/nowhere", "@aws-cdk/asset-kubectl-v20/lib/layer.zip");
        Skip.IfNot(File.Exists(archive), "Helm is not installed (npm @aws-cdk/asset-kubectl-v20).");
        var helm = Path.Combine(Path.GetTempPath(), "netbird-helm-" + Environment.ProcessId, "helm");
        if (!File.Exists(helm))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(helm)!);
            await using var zip = await ZipFile.OpenReadAsync(archive);
            await zip.GetEntry("helm/helm")!.ExtractToFileAsync(helm);
            await Command.RunAsync("chmod", ["700", helm]);
            AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(Path.GetDirectoryName(helm)!, recursive: true);
        }

        return helm;
    }

    /// <summary>The bytes of what a descriptor names, whose hash and size are as it says.</summary>
    private static byte[] Blob(string layout, JsonElement descriptor)
    {
        var digest = descriptor.GetProperty("digest").GetString()!.Split(':')[1];
        var bytes = File.ReadAllBytes(Path.Combine(layout, "blobs/sha256", digest));
        Assert.Equal(digest, Convert.ToHexStringLower(SHA256.HashData(bytes)));
        Assert.Equal(descriptor.GetProperty("size").GetInt64(), bytes.LongLength);
        return bytes;
    }
}
