using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Audit;
using NetBird.ControlPlane.Store;

namespace NetBird.ControlPlane.Tests.Audit;

public sealed class AuditFileTests : IDisposable
{
    private readonly TemporaryState _state = new();

    private string PathOfFile => Path.Combine(_state.Path, "audit.jsonl");

    [Fact]
    public async Task Serve_WithAFile_WritesEveryEntryOnce_AlsoOverARestart()
    {
        using var place = new TemporaryState();
        var file = Path.Combine(place.Path, "audit.jsonl");
        await using var server = await RunningControlPlane.StartAsync(options => options with { AuditFile = file });
        await server.AddPersonAsync("before@example.com");
        await UntilAsync(file, server);
        await server.RestartAsync();
        await server.AddPersonAsync("after@example.com");

        await UntilAsync(file, server);

        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"type\":\"audit.entry\",\"sequence\":4")]
    public async Task Run_AfterAKillInTheMiddleOfALine_GoesOnWhereTheLastWholeOneEnds(string half)
    {
        await using var store = await _state.OpenAsync();
        await ChangeAsync(store, 5);
        await Make(store).RunOnceAsync(default);
        var lines = await File.ReadAllLinesAsync(PathOfFile);
        await File.WriteAllTextAsync(PathOfFile, string.Concat(lines.Take(3).Select(line => line + "\n")) + half);

        await Make(store).RunOnceAsync(default);

        Assert.Equal(lines, await File.ReadAllLinesAsync(PathOfFile));
    }

    [Fact]
    public async Task Run_OverTheSize_MovesTheFile_AndGoesOnInOrder()
    {
        await using var store = await _state.OpenAsync();
        for (var i = 0; i < 6; i++)
        {
            await ChangeAsync(store, 2);
            await Make(store, largest: 1500).RunOnceAsync(default);
        }

        var files = Enumerable.Range(0, AuditFile.Kept + 1).Select(i => i == 0 ? PathOfFile : $"{PathOfFile}.{i}").Where(File.Exists).Reverse().ToList();
        Assert.True(files.Count > 2, $"{files.Count} files");
        Assert.Equal(await SequencesAsync(store), files.SelectMany(File.ReadAllLines).Select(SequenceOf));
    }

    [Fact]
    public async Task Run_WhenItCannotWrite_ThrowsAndLosesNothing()
    {
        await using var store = await _state.OpenAsync();
        await ChangeAsync(store, 3);
        Directory.CreateDirectory(PathOfFile);
        var file = Make(store);
        await Assert.ThrowsAnyAsync<Exception>(() => file.RunOnceAsync(default));
        Directory.Delete(PathOfFile);

        await file.RunOnceAsync(default);

        Assert.Equal(await SequencesAsync(store), (await File.ReadAllLinesAsync(PathOfFile)).Select(SequenceOf));
    }

    [Fact]
    public async Task Run_OverSomebodyElsesFile_LeavesItAlone()
    {
        await using var store = await _state.OpenAsync();
        await File.WriteAllTextAsync(PathOfFile, "127.0.0.1 - GET /\n");

        await Assert.ThrowsAsync<InvalidDataException>(() => Make(store).RunOnceAsync(default));

        Assert.Equal("127.0.0.1 - GET /\n", await File.ReadAllTextAsync(PathOfFile));
    }

    public void Dispose() => _state.Dispose();

    private static long SequenceOf(string line)
    {
        using var entry = JsonDocument.Parse(line);
        Assert.Equal("audit.entry", entry.RootElement.GetProperty("type").GetString());
        Assert.Equal(64, entry.RootElement.GetProperty("hash").GetString()!.Length);
        return entry.RootElement.GetProperty("sequence").GetInt64();
    }

    private static async Task UntilAsync(string file, RunningControlPlane server)
    {
        var store = server.Services.GetRequiredService<ConfigurationStore>();
        await Usage.Eventually.TrueAsync(
            async () => File.Exists(file) && (await File.ReadAllLinesAsync(file)).Length >= (await SequencesAsync(store)).Count, seconds: 30);
        Assert.Equal(await SequencesAsync(store), (await File.ReadAllLinesAsync(file)).Select(SequenceOf));
    }

    private static async Task<List<long>> SequencesAsync(ConfigurationStore store)
    {
        var sequences = new List<long>();
        await foreach (var entry in store.ReadAuditAsync(1, descending: false, default))
        {
            sequences.Add(entry.Sequence);
        }

        return sequences;
    }

    private static async Task ChangeAsync(ConfigurationStore store, int times)
    {
        for (var i = 0; i < times; i++)
        {
            await store.CommitAsync(
                Actor.System,
                draft =>
                {
                    draft.Groups.Put(new() { Id = Primitives.GroupId.New(), Name = "Group " + Guid.NewGuid() });
                    return true;
                },
                default);
        }
    }

    private AuditFile Make(ConfigurationStore store, long largest = 1 << 20)
        => new(store, PathOfFile, TimeProvider.System, NullLogger<AuditFile>.Instance) { Largest = largest };
}
