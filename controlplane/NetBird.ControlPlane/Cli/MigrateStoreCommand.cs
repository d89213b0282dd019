using System.CommandLine;
using NetBird.ControlPlane.Hosting;
using NetBird.ControlPlane.Migration;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>migrate-store</c>.</summary>
internal static class MigrateStoreCommand
{
    public static Command Create()
    {
        var state = Verb.Setting("--state-dir", "DIR", "State directory with the LiteDB stores. [NETBIRD_CP_STATE_DIR]");
        var postgres = Verb.Setting("--postgres", "CONNSTRING", "Empty database to move to; better given by environment. [NETBIRD_CP_POSTGRES]");
        var key = Verb.Setting("--cluster-key", "FILE", "Key that seals secrets, here and there. Default: keys/cluster.key in the state directory, made if missing. [NETBIRD_CP_CLUSTER_KEY]");
        var command = new Command(
            "migrate-store",
            "Moves everything from LiteDB to an empty PostgreSQL while no control plane runs on the state directory: configuration, audit log, secrets, logins, usage. The state directory stays as it was; serve with --postgres from then on.")
        {
            state, postgres, key,
        };
        command.SetAction((parsed, cancellationToken) => Verb.GuardedAsync(async () =>
        {
            var directory = parsed.GetValue(state) ?? Environment.GetEnvironmentVariable("NETBIRD_CP_STATE_DIR") ?? StateDirectory.Default();
            var target = parsed.GetValue(postgres) ?? Environment.GetEnvironmentVariable("NETBIRD_CP_POSTGRES");
            if (string.IsNullOrEmpty(target))
            {
                throw new CliException("Say where to: --postgres or NETBIRD_CP_POSTGRES with the connection string of an empty database.", CommandLine.ExitCode.WrongUsage);
            }

            if (!Directory.Exists(directory))
            {
                throw new CliException($"There is no state directory {directory}.", CommandLine.ExitCode.WrongUsage);
            }

            try
            {
                var file = parsed.GetValue(key) ?? Environment.GetEnvironmentVariable("NETBIRD_CP_CLUSTER_KEY");
                await new StoreMigration(directory, target, file, TimeProvider.System, line => Console.Error.WriteLine(line)).RunAsync(cancellationToken);
            }
            catch (Exception fault) when (fault is InvalidDataException or Store.StateVersionException or ArgumentException)
            {
                throw new CliException(fault is ArgumentException ? "The connection string is not one, such as Host=db;Database=netbird;Username=netbird." : fault.Message);
            }

            await Console.Error.WriteLineAsync($"Moved. Start with 'serve --postgres', and back {Path.Combine(directory, Store.Secrets.ClusterKey.FileName)} up: without it the database's secrets do not open.");
        }));
        return command;
    }
}
