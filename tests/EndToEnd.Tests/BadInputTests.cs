using System.Net;
using System.Net.Sockets;

namespace EndToEnd.Tests;

/// <summary>Each bad input gets a clear sentence and the right exit code, and leaves nothing half made.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("netbird-bad-input-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("agent", "up --bogus", 2, "--bogus")]
    [InlineData("agent", "nonsense", 2, "nonsense")]
    [InlineData("agent", "staus", 2, "Did you mean 'status'?")]
    [InlineData("agent", "claude setup --gateway", 2, "Did you mean '--gateway-mode'?")]
    [InlineData("agent", "down --state-dir DIR", 0, "")]
    [InlineData("agent", "claude setup --bogus", 2, "netbird-agent claude setup --help")]
    [InlineData("agent", "up --endpoint 127.0.0.1 --state-dir DIR", 2, "--endpoint 127.0.0.1:8788")]
    [InlineData("agent", "up --https-endpoint 192.0.2.1:443 --state-dir DIR", 2, "loopback")]
    [InlineData("agent", "up --management-url ftp://example.com --state-dir DIR", 2, "ftp://example.com")]
    [InlineData("agent", "up --management-url http://203.0.113.7 --state-dir DIR", 2, "https")]
    [InlineData("agent", "up --management-url http://127.0.0.1:1 --tunnel warp --state-dir DIR", 2, "warp")]
    [InlineData("agent", "status --state-dir DIR", 3, "not running")]
    [InlineData("agent", "exec --state-dir DIR -- true", 3, "not running")]
    [InlineData("controlplane", "serve --bogus", 2, "--bogus")]
    [InlineData("controlplane", "serve --http 0.0.0.0:8080 --state-dir DIR", 2, "TLS")]
    [InlineData("controlplane", "serve --http nonsense --state-dir DIR", 2, "nonsense")]
    [InlineData("controlplane", "serve --overlay 100.64.0.0/99 --state-dir DIR", 2, "100.64.0.0/99")]
    [InlineData("controlplane", "serve --tls-cert /nonexistent.pem --tls-key /nonexistent.key --state-dir DIR", 2, "/nonexistent")]
    [InlineData("controlplane", "usage --state-dir DIR", 3, "No control plane runs")]
    public async Task Arguments_ThatAreWrong_AreNamed(string program, string arguments, int exitCode, string mentioned)
    {
        var result = await Command.RunAsync(
            program == "agent" ? Checkout.Agent : Checkout.ControlPlane,
            arguments.Replace("DIR", Path.Combine(_folder, "state"), StringComparison.Ordinal).Split(' '));

        Assert.True(result.ExitCode == exitCode, result.ToString());
        Assert.Contains(mentioned, result.Error, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AControlPlaneThatIsNotThere_IsSaidInWordsWithinSeconds()
    {
        var result = await Command.RunAsync(Checkout.Agent,
            ["up", "--management-url", "http://127.0.0.1:1", "--state-dir", Path.Combine(_folder, "a"), "--no-browser"], limitSeconds: 40);

        Assert.True(result.ExitCode == 1, result.ToString());
        Assert.Contains("127.0.0.1:1", result.Error, StringComparison.Ordinal);
        await Command.RunAsync(Checkout.Agent, ["down", "--state-dir", Path.Combine(_folder, "a")]);
    }

    /// <summary>Something listens there and takes the connection, and never says a word.</summary>
    [Theory]
    [InlineData("--no-browser")]
    [InlineData("--setup-key-file KEY")]
    public async Task AControlPlaneThatNeverAnswers_IsSaidInWords_AfterTheCallsDeadline(string how)
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var key = Path.Combine(_folder, "key");
        await File.WriteAllTextAsync(key, "no-such-key\n");
        var state = Path.Combine(_folder, "silent");

        var result = await Command.RunAsync(Checkout.Agent,
            ["up", "--management-url", $"http://{silent.LocalEndpoint}", "--state-dir", state, .. how.Replace("KEY", key, StringComparison.Ordinal).Split(' ')],
            limitSeconds: 60);

        Assert.True(result.ExitCode == 1, result.ToString());
        Assert.Contains($"http://{silent.LocalEndpoint}/ is not reachable", result.Error, StringComparison.Ordinal);
        await Command.RunAsync(Checkout.Agent, ["down", "--state-dir", state]);
    }

    [Fact]
    public async Task APortThatIsTaken_IsNamed()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;

        var result = await Command.RunAsync(Checkout.ControlPlane,
            ["serve", "--state-dir", Path.Combine(_folder, "c"), "--http", $"127.0.0.1:{port}", "--wireguard-port", Free()], limitSeconds: 40);

        Assert.True(result.ExitCode == 1, result.ToString());
        Assert.Contains(port.ToString(System.Globalization.CultureInfo.InvariantCulture), result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AUdpPortThatIsTaken_IsNamed()
    {
        using var taken = new UdpClient(new IPEndPoint(IPAddress.Any, 0));
        var port = ((IPEndPoint)taken.Client.LocalEndPoint!).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);

        var result = await Command.RunAsync(Checkout.ControlPlane,
            ["serve", "--state-dir", Path.Combine(_folder, "u"), "--http", "127.0.0.1:" + Free(), "--wireguard-port", port], limitSeconds: 40);

        Assert.True(result.ExitCode == 1, result.ToString());
        Assert.Contains(port, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AStateDirectoryOfANewerVersion_IsRefusedAndUntouched()
    {
        var state = Path.Combine(_folder, "newer");
        var arguments = new[] { "serve", "--state-dir", state, "--http", "127.0.0.1:" + Free(), "--wireguard-port", Free() };
        using (var first = Command.Start(Checkout.ControlPlane, arguments))
        {
            for (var i = 0; i < 150 && !File.Exists(Path.Combine(state, "admin-token")); i++)
            {
                await Task.Delay(100);
            }

            await Command.RunAsync("kill", ["-TERM", first.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            await first.WaitForExitAsync();
        }

        SetFormat(Path.Combine(state, "config.db"), 99);
        var before = await HashAsync(Path.Combine(state, "config.db"));

        var result = await Command.RunAsync(Checkout.ControlPlane, arguments, limitSeconds: 40);

        Assert.True(result.ExitCode == 1, result.ToString());
        Assert.Contains("newer", result.Error, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(before, await HashAsync(Path.Combine(state, "config.db")));
    }

    [Fact]
    public async Task AnAgentsStateOfANewerVersion_IsRefusedAndUntouched()
    {
        var state = Path.Combine(_folder, "newer-agent");
        Directory.CreateDirectory(state);
        await Command.RunAsync("chmod", ["0700", state]);
        var file = Path.Combine(state, "agent.db");
        using (var database = new LiteDB.LiteDatabase(file))
        {
            database.GetCollection("state").Insert(new LiteDB.BsonDocument { ["_id"] = "agent", ["format"] = 99, ["later"] = "kept" });
            database.Checkpoint();
        }

        await Command.RunAsync("chmod", ["0600", file]);
        var before = await HashAsync(file);

        foreach (var how in new[] { "--foreground", "--no-browser" })
        {
            var result = await Command.RunAsync(Checkout.Agent,
                ["up", "--management-url", "http://127.0.0.1:9", "--state-dir", state, how], limitSeconds: 40);

            Assert.True(result.ExitCode == 1, result.ToString());
            Assert.Contains("newer version", result.Error, StringComparison.Ordinal);
            Assert.Contains("--state-dir", result.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        }

        Assert.Equal(before, await HashAsync(file));
    }

    [SkippableFact]
    public async Task WithoutTheRightToMakeATunnel_TheMessageSaysWhatToDo()
    {
        Skip.If(!Environment.IsPrivilegedProcess, "needs root to become somebody else");
        var state = Path.Combine(_folder, "unprivileged");
        Directory.CreateDirectory(state);
        await Command.RunAsync("chmod", ["0777", _folder, state]);

        var result = await Command.RunAsync("setpriv",
        [
            "--reuid=65534", "--regid=65534", "--clear-groups", Checkout.ControlPlane, "serve", "--state-dir", Path.Combine(state, "s"),
            "--http", "127.0.0.1:" + Free(), "--wireguard-port", Free(), "--tunnel", "userspace",
        ], limitSeconds: 40);

        Skip.If(result.Error.Contains("Permission denied", StringComparison.Ordinal) && result.ExitCode == 127, "the build is not readable to others");
        Assert.True(result.ExitCode is 1 or 5, result.ToString());
        Assert.Contains("rootless", result.Error, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    private static string Free() => AgentSession.FreePort().ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static async Task<string> HashAsync(string file)
        => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(file)));

    /// <summary>As a version that does not exist yet would leave it.</summary>
    private static void SetFormat(string file, int format)
    {
        using var database = new LiteDB.LiteDatabase(file);
        var meta = database.GetCollection("meta").FindById("meta");
        meta["format"] = format;
        database.GetCollection("meta").Update(meta);
    }
}
