using NetBird.Agent.Cli;

return args is ["statusline", ..] and not [_, "--help" or "-h", ..]
    ? StatusLineCommand.Run(args)
    : await CommandTree.RunAsync(args).ConfigureAwait(false);
