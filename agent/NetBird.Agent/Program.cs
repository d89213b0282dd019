using NetBird.Agent.Cli;

return QuickCommand.TryRun(args) ?? await CommandTree.RunAsync(args).ConfigureAwait(false);
