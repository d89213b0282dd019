using System.Diagnostics;
using System.Runtime.InteropServices;

namespace NetBird.ControlPlane.Tests.Usage.Postgres;

/// <summary>A PostgreSQL of its own for a class of tests: a cluster in a temporary folder, reached over a Unix socket there.</summary>
public sealed class PostgresCluster : IDisposable
{
    private readonly string _root = Path.Combine(Path.GetTempPath(), "nbpg-" + Guid.NewGuid().ToString("N")[..8]);
    private readonly int _port = 24_000 + Environment.ProcessId % 900;
    private readonly string? _bin = FindBin();

    public PostgresCluster()
    {
        if (_bin is null)
        {
            Missing = "PostgreSQL is not installed (apt package postgresql)";
            return;
        }

        Directory.CreateDirectory(_root);
        if (AsRoot)
        {
            Run("chown", "nobody", _root);
        }

        Run(Path.Combine(_bin, "initdb"), "-D", Data, "-A", "trust", "-U", "netbird", "--no-sync", "-E", "UTF8");
        Start();
    }

    /// <summary>Why there is none, or null.</summary>
    public string? Missing { get; }

    public string ConnectionString => $"Host={_root};Port={_port};Username=netbird;Database=postgres;Maximum Pool Size=60";

    private static bool AsRoot => OperatingSystem.IsLinux() && Environment.UserName == "root";

    private string Data => Path.Combine(_root, "data");

    /// <summary>Not fsync: a test kills processes, it does not cut power.</summary>
    public void Start() => Run(
        Path.Combine(_bin!, "pg_ctl"), "-D", Data, "-w", "-s", "-l", Path.Combine(_root, "log"),
        "-o", $"-p {_port} -k {_root} -c listen_addresses= -c fsync=off -c max_connections=200", "start");

    /// <summary>At once, as a crash would.</summary>
    public void Stop() => Run(Path.Combine(_bin!, "pg_ctl"), "-D", Data, "-w", "-s", "-m", "immediate", "stop");

    public void Execute(string sql)
    {
        using var source = Npgsql.NpgsqlDataSource.Create(ConnectionString);
        using var command = source.CreateCommand(sql);
        command.ExecuteNonQuery();
    }

    public void Dispose()
    {
        if (Missing is null)
        {
            try
            {
                Stop();
            }
            catch (InvalidOperationException)
            {
                // A test left it stopped.
            }

            Directory.Delete(_root, recursive: true);
        }
    }

    private static string? FindBin()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture is not (Architecture.X64 or Architecture.Arm64))
        {
            return null;
        }

        var named = Environment.GetEnvironmentVariable("NETBIRD_TEST_POSTGRES_BIN");
        var places = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").Order(StringComparer.Ordinal).Reverse().Select(version => Path.Combine(version, "bin"))
            : [];
        return places.Prepend(named ?? "").FirstOrDefault(place => File.Exists(Path.Combine(place, "initdb")));
    }

    /// <summary>PostgreSQL refuses to run as root: then as nobody.</summary>
    private void Run(string program, params string[] arguments)
    {
        var drop = AsRoot && program != "chown";
        var start = new ProcessStartInfo(drop ? "setpriv" : program) { WorkingDirectory = _root, RedirectStandardError = true, RedirectStandardOutput = true };
        string[] all = drop ? ["--reuid=nobody", "--regid=nogroup", "--clear-groups", program, .. arguments] : arguments;
        foreach (var argument in all)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["LC_ALL"] = "C.UTF-8";
        using var process = Process.Start(start)!;

        // The server keeps the pipes of pg_ctl open: read only what there is when it ends.
        if (!process.WaitForExit(60_000) || process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{Path.GetFileName(program)} failed.");
        }
    }
}
