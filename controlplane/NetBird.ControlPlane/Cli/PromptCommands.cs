using System.CommandLine;
using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Cli;

/// <summary><c>prompt list</c> and <c>prompt show</c>.</summary>
internal static class PromptCommands
{
    public static Command Create() => new("prompt", "Prompts that a guardrail had kept. Each look at one is in the audit log.") { List(), Show() };

    private static Command List()
    {
        var user = Verb.Setting("--user", "USER", "E-mail address, name or id.");
        var output = new Output();
        var command = new Command("list", "Which are kept, newest first; not what they say.") { user };
        output.AddTo(command);
        return command.Calls(async (client, parsed, cancellationToken) =>
        {
            var id = parsed.GetValue(user) is { } who
                ? await Lookup.PersonAsync(client, who, cancellationToken) : null;
            var answer = await client.GetAsync("/api/agent-network/prompts" + UsageCommands.Query(("user", id)), cancellationToken);
            output.Write(parsed, answer, [
                Column.Time("TIME", "timestamp"), Column.Field("PERSON", "user_name"), Column.Field("REQUEST", "request_id"),
            ], [.. answer.AsArray().OfType<JsonObject>()]);
        });
    }

    private static Command Show()
    {
        var id = new Argument<string>("request") { Description = "Id of the request, as 'prompt list' and 'logs --json' show it." };
        return new Command("show", "What a request said, as JSON. That you looked is in the audit log.") { id }
            .Calls(async (client, parsed, cancellationToken) =>
            {
                var answer = await client.GetAsync(
                    "/api/agent-network/prompts/" + Uri.EscapeDataString(parsed.GetValue(id) ?? ""), cancellationToken);
                await parsed.InvocationConfiguration.Output.WriteLineAsync(answer.ToJsonString(Output.Indented));
            });
    }
}
