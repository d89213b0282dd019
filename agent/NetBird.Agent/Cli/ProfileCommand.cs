using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging.Abstractions;
using NetBird.Agent.Store;
using NetBird.Agent.Store.Keyring;

namespace NetBird.Agent.Cli;

/// <summary><c>profile</c>: several accounts on one machine.</summary>
internal static class ProfileCommand
{
    public static Command Build()
    {
        var command = new Command("profile",
            """
            Several accounts on one machine, each with its own login, agent and endpoint.

            Examples:
              netbird-agent profile use work                 commands mean 'work' from now on; it is made if need be
              netbird-agent up --management-url https://work.example.com --endpoint 127.0.0.1:8789
              netbird-agent profile list
              netbird-agent status --profile default         another one, this once
            """);
        var json = CommonOptions.Json();
        var list = new Command("list", "Show the profiles: which one commands mean, whether it runs, who is logged in.") { json };
        list.SetAction((parsed, token) => ListAsync(parsed, parsed.GetValue(json), token));
        command.Add(list);
        var name = new Argument<string>("NAME") { Description = $"A profile; '{Profiles.Default}' for the one without a name." };
        var use = new Command("use", "Choose which profile commands mean where none is named.") { name };
        use.SetAction(parsed => Use(parsed, parsed.GetValue(name)!));
        command.Add(use);
        var remove = new Command("remove", "Remove a profile's state, once it is logged out and down.") { name };
        remove.SetAction(parsed => Remove(Root(parsed), parsed.GetValue(name)!));
        command.Add(remove);
        return command;
    }

    /// <summary>Profiles are of a person's own agents, never of the machine's service.</summary>
    private static string Root(ParseResult parsed)
        => Path.GetFullPath(parsed.GetValue(CommonOptions.StateDir) is { Length: > 0 } given ? given : StateDirectory.DefaultPath());

    private static async Task<int> ListAsync(ParseResult parsed, bool json, CancellationToken cancellationToken)
    {
        var root = Root(parsed);
        var chosen = Profiles.Chosen(root) ?? Profiles.Default;
        var all = new List<Profile>();
        foreach (var name in Profiles.List(root))
        {
            all.Add(await DescribeAsync(root, name, name == chosen, cancellationToken).ConfigureAwait(false));
        }

        if (json)
        {
            Terminal.Result.WriteLine(JsonSerializer.Serialize(all, ProfileJson.Default.IReadOnlyListProfile));
            return ExitCode.Done;
        }

        var width = all.Max(profile => profile.Name.Length);
        foreach (var profile in all)
        {
            var who = profile.User.Length == 0 ? "" : $"  {profile.User} at {profile.ManagementUrl}{(profile.EndpointUrl.Length == 0 ? "" : ", " + profile.EndpointUrl)}";
            Terminal.Result.WriteLine($"{(profile.Chosen ? "*" : " ")} {profile.Name.PadRight(width)}  {profile.State.Replace('_', ' '),-12}{who}".TrimEnd());
        }

        return ExitCode.Done;
    }

    private static async Task<Profile> DescribeAsync(string root, string name, bool chosen, CancellationToken cancellationToken)
    {
        var state = StateDirectory.At(root, name);
        if (!DaemonConnection.IsRunning(state))
        {
            var kept = Kept(state);
            return new(name, chosen, "not_running", kept?.Enrolment?.UserName ?? "", kept?.Settings.ManagementUrl ?? "", "", state.Path);
        }

        var status = await DaemonConnection.StatusAsync(state, cancellationToken).ConfigureAwait(false);
        return new(name, chosen, status.State, status.UserName, status.ManagementUrl, status.EndpointUrl, state.Path);
    }

    private static int Use(ParseResult parsed, string name)
    {
        if (parsed.GetValue(CommonOptions.StateDir) is { Length: > 0 })
        {
            return Terminal.Fail("A choice is kept in the account's own state directory. With --state-dir, name the profile in each command: --profile NAME.", ExitCode.WrongUsage);
        }

        if (name != Profiles.Default && !Profiles.IsName(name))
        {
            return Terminal.Fail(Profiles.NoName(name), ExitCode.WrongUsage);
        }

        var root = Root(parsed);
        var before = Profiles.Chosen(root) ?? Profiles.Default;
        Profiles.Choose(root, name);
        Terminal.Result.WriteLine($"Commands mean the profile '{name}' now.");
        if (before != name && DaemonConnection.IsRunning(StateDirectory.At(root, before)))
        {
            Terminal.Message.WriteLine($"The agent of '{before}' goes on running. To end it: netbird-agent down --profile {before}");
        }

        return ExitCode.Done;
    }

    private static int Remove(string root, string name)
    {
        if (name == Profiles.Default)
        {
            return Terminal.Fail("The default profile is the state directory itself. To leave its account: netbird-agent logout --profile default", ExitCode.WrongUsage);
        }

        if (!Profiles.List(root).Contains(name))
        {
            return Terminal.Fail($"There is no profile '{name}'. See: netbird-agent profile list", ExitCode.WrongUsage);
        }

        var state = StateDirectory.At(root, name);
        if (Kept(state) is { Enrolment: { } login })
        {
            return Terminal.Fail($"{login.UserName} is logged in there, and the login would outlive it. First: netbird-agent logout --profile {name}", ExitCode.Failed);
        }

        if (InstanceLock.IsHeld(state))
        {
            return Terminal.Fail($"Its agent runs. First: netbird-agent down --profile {name}", ExitCode.Failed);
        }

        Profiles.Remove(root, name);
        Terminal.Result.WriteLine($"Removed the profile '{name}'.");
        return ExitCode.Done;
    }

    /// <summary>What the state says of itself; null where nothing was ever kept.</summary>
    private static (AgentSettings Settings, EnrolledPeer? Enrolment)? Kept(StateDirectory state)
    {
        if (!File.Exists(state.DatabaseFile))
        {
            return null;
        }

        using var store = AgentStore.Open(state, new TokenKeyring(state, TimeProvider.System, NullLogger<TokenKeyring>.Instance), TimeProvider.System, NullLogger<AgentStore>.Instance);
        return (store.Settings, store.Enrolment);
    }
}

/// <summary>One profile as <c>profile list --json</c> has it.</summary>
/// <param name="State">As in <c>status</c>, or not_running.</param>
/// <param name="User">Who is logged in; empty when nobody is.</param>
internal sealed record Profile(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("chosen")] bool Chosen,
    [property: JsonPropertyName("state")] string State,
    [property: JsonPropertyName("user_name")] string User,
    [property: JsonPropertyName("management_url")] string ManagementUrl,
    [property: JsonPropertyName("endpoint_url")] string EndpointUrl,
    [property: JsonPropertyName("state_dir")] string StateDir);

[JsonSerializable(typeof(IReadOnlyList<Profile>))]
[JsonSourceGenerationOptions(WriteIndented = true)]
internal sealed partial class ProfileJson : JsonSerializerContext;
