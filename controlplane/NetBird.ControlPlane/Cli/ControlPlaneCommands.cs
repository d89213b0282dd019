using System.CommandLine;

namespace NetBird.ControlPlane.Cli;

/// <summary>Every verb but <c>serve</c>.</summary>
internal static class ControlPlaneCommands
{
    public static IEnumerable<Command> All() =>
    [
        AdminTokenCommands.Create(),
        UserCommands.Create(),
        SetupKeyCommands.Create(),
        ListCommands.Groups(),
        ListCommands.Policies(),
        ListCommands.Providers(),
        ListCommands.Peers(),
        ApplyCommands.Apply(),
        ApplyCommands.Export(),
        UsageCommands.Usage(),
        UsageCommands.Logs(),
        ReconcileCommand.Create(),
        SimulateCommand.Create(),
        PromptCommands.Create(),
        RaiseCommands.Create(),
        WebhookCommands.Create(),
        StateCommands.Verify(),
        StateCommands.Backup(),
        StateCommands.Restore(),
        MigrateStoreCommand.Create(),
    ];
}
