using System.CommandLine;
using NetBird.CommandLine;
using NetBird.ControlPlane.Backups;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Store.LiteDb;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>verify</c>, <c>backup</c> and <c>restore</c>.</summary>
internal static class StateCommands
{
    private static readonly string[] Faults = ["audit_faults", "usage_faults"];

    public static Command Verify()
    {
        var output = new Output();
        var command = new Command("verify", "Checks the usage ledger and the hash-chained audit log from end to end. Exit code 1: something was changed.");
        output.AddTo(command, csv: false);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var answer = await client.GetAsync("/api/verification", cancellationToken);
            var faults = Faults
                .SelectMany(name => (answer[name]?.AsArray() ?? []).Select(fault => $"{name[..name.IndexOf('_', StringComparison.Ordinal)]}: {Column.Show(fault)}"))
                .ToList();
            output.Write(parsed, answer, faults.Count == 0
                ? $"The audit log ({Column.Show(answer["audit_entries"])} entries) and the usage ledger are as they were written."
                : string.Join('\n', faults));
            if (faults.Count > 0)
            {
                throw new CliException("Something was changed after it was written.");
            }
        });
    }

    public static Command Backup()
    {
        var file = new Argument<string>("file") { Description = "The tar file to write; must not exist." };
        return new Command("backup", "Writes the whole state to one file while the control plane runs. It holds every key, but one that serve --cluster-key keeps elsewhere: keep it as safe as the machine.") { file }
            .Calls(async (client, parsed, cancellationToken) =>
            {
                var path = parsed.GetRequiredValue(file);
                var unfinished = path + ".part";
                File.Delete(unfinished);
                if (File.Exists(path))
                {
                    throw new CliException($"{path} is there already.", ExitCode.WrongUsage);
                }

                await using (var stream = LiteDbFile.CreatePrivate(unfinished))
                {
                    await client.DownloadAsync("/api/backup", stream, cancellationToken);
                    stream.Flush(flushToDisk: true);
                }

                File.Move(unfinished, path);
            });
    }

    public static Command Restore()
    {
        var file = new Argument<string>("file") { Description = "A file that 'backup' wrote." };
        var state = Verb.Setting("--state-dir", "DIR", "State directory to fill; must be empty or absent. [NETBIRD_CP_STATE_DIR]");
        var postgres = Verb.Setting("--postgres", "CONNSTRING", "Empty database for a backup that was made with PostgreSQL. [NETBIRD_CP_POSTGRES]");
        var command = new Command("restore", "Fills an empty state directory from a backup, while no control plane runs on it; with --postgres an empty database too.") { file, state, postgres };
        command.SetAction((parsed, cancellationToken) => Verb.GuardedAsync(async () =>
        {
            var path = parsed.GetRequiredValue(file);
            var directory = parsed.GetValue(state) ?? Environment.GetEnvironmentVariable("NETBIRD_CP_STATE_DIR") ?? StateDirectory.Default();
            if (!File.Exists(path))
            {
                throw new CliException($"There is no file {path}.", ExitCode.WrongUsage);
            }

            if (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any())
            {
                throw new CliException($"{directory} is not empty. Move what is there out of the way first.", ExitCode.WrongUsage);
            }

            // Beside it and then renamed: a backup that is cut short leaves no half state behind.
            var unfinished = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)) + ".restoring";
            if (Directory.Exists(unfinished))
            {
                Directory.Delete(unfinished, recursive: true);
            }

            try
            {
                StateDirectory.Open(unfinished).Dispose();
                await using (var stream = File.OpenRead(path))
                {
                    await StateBackup.RestoreAsync(stream, unfinished, cancellationToken);
                }

                await RestoreDatabaseAsync(
                    Path.Combine(unfinished, PostgresBackup.Folder), parsed.GetValue(postgres) ?? Environment.GetEnvironmentVariable("NETBIRD_CP_POSTGRES"), cancellationToken);
                if (Directory.Exists(directory))
                {
                    Directory.Delete(directory);
                }

                Directory.Move(unfinished, directory);
            }
            catch (InvalidDataException fault)
            {
                throw new CliException($"{path}: {fault.Message}");
            }
            finally
            {
                if (Directory.Exists(unfinished))
                {
                    Directory.Delete(unfinished, recursive: true);
                }
            }
        }));
        return command;
    }

    private static async Task RestoreDatabaseAsync(string tables, string? connectionString, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(tables))
        {
            return;
        }

        if (string.IsNullOrEmpty(connectionString))
        {
            throw new CliException("This backup holds a PostgreSQL database: give --postgres with the connection string of an empty one.", ExitCode.WrongUsage);
        }

        await PostgresBackup.RestoreAsync(tables, connectionString, cancellationToken);
        Directory.Delete(tables, recursive: true);
    }
}
