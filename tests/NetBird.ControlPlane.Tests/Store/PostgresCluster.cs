using System.Diagnostics;

namespace NetBird.ControlPlane.Tests.Store;

/// <summary>A PostgreSQL of this test run alone, in a temporary folder, reached over a Unix socket; removed at the end.</summary>
public sealed class PostgresCluster : IAsyncLifetime
{
    private string? _folder;
    private Process? _server;
    private int _databases;

    /// <summary>Why there is none; null: it runs.</summary>
    public string? Missing { get; private set; }

    public async Task InitializeAsync()
    {
        var binaries = FindBinaries();
        if (binaries is null)
        {
            Missing = "PostgreSQL is not installed (package postgresql).";
            return;
        }

        _folder = Directory.CreateTempSubdirectory("nbpg-").FullName;
        if (Environment.IsPrivilegedProcess)
        {
            // initdb refuses root; the package made the user.
            await RunAsync("chown", "postgres", _folder);
        }

        await RunAsAsync(Path.Combine(binaries, "initdb"), "-D", _folder + "/data", "-A", "trust", "-U", "netbird", "--no-sync", "-E", "UTF8");
        _server = Start(AsPostgres(
            Path.Combine(binaries, "postgres"), "-D", _folder + "/data", "-k", _folder, "-c", "listen_addresses=", "-c", "fsync=off"));
        for (var i = 0; !File.Exists(_folder + "/.s.PGSQL.5432") && i < 300; i++)
        {
            await Task.Delay(100);
        }
    }

    /// <summary>Connection string of a fresh, empty database.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"test{Interlocked.Increment(ref _databases)}";
        await using var source = Npgsql.NpgsqlDataSource.Create(ConnectionString("postgres"));
        for (var i = 0; ; i++)
        {
            try
            {
                await using var command = source.CreateCommand($"CREATE DATABASE {name}");
                await command.ExecuteNonQueryAsync();
                return ConnectionString(name);
            }
            catch (Npgsql.NpgsqlException) when (i < 100)
            {
                await Task.Delay(100);
            }
        }
    }

    public async Task DisposeAsync()
    {
        if (_server is not null)
        {
            // SIGINT: fast shutdown.
            await RunAsync("kill", "-INT", _server.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
            await _server.WaitForExitAsync();
            _server.Dispose();
        }

        if (_folder is not null)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private string ConnectionString(string database) => $"Host={_folder};Username=netbird;Database={database};Maximum Pool Size=10";

    private static string? FindBinaries()
        => Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").Select(folder => Path.Combine(folder, "bin"))
                .LastOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")))
            : null;

    private static string[] AsPostgres(params string[] command)
        => Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", .. command] : command;

    private static Task RunAsAsync(params string[] command) => RunAsync(AsPostgres(command));

    private static async Task RunAsync(params string[] command)
    {
        using var process = Start(command);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{command[0]}: {await output} {error}");
    }

    private static Process Start(string[] command)
    {
        var start = new ProcessStartInfo(command[0]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        Array.ForEach(command[1..], start.ArgumentList.Add);
        return Process.Start(start)!; // a process that cannot start throws
    }
}
