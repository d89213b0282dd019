using NetBird.Agent.Cli;
using NetBird.Agent.Store;

if (QuickCommand.TryRun(args) is { } answered)
{
    return answered;
}

MachineDefaults.Apply();
return await CommandTree.RunAsync(args).ConfigureAwait(false);
