using System.Globalization;
using System.Runtime.Versioning;
using System.Text.Json;
using NetBird.Agent.Tests.TestSupport;

namespace NetBird.Agent.Tests;

/// <summary>Two accounts of one person on one machine, as a person has them: chosen once, then meant by every command.</summary>
[SupportedOSPlatform("linux")]
public sealed class ProfileTests
{
    private const string Somebody = "4713";

    [SkippableFact]
    public async Task TwoProfiles_EachHasItsOwnLoginAndAgent_AndTheChosenOneIsMeant()
    {
        Person.Require(Somebody);
        await using var world = await AgentWorld.StartAsync();
        using var person = new Person(Somebody);
        Task<Outcome> Run(params string[] arguments) => person.RunAsync(world.Plane.SetupKey + "\n", AgentProcess.Executable, arguments);
        try
        {
            var up = await Run("up", "--setup-key", "-", "--management-url", world.Plane.Url, "--tunnel", "rootless", "--endpoint", Port(world.Agent.EndpointPort));
            var use = await Run("profile", "use", "work");
            var fresh = await Run("status");
            var login = await Run("login", "--setup-key", "-", "--management-url", world.Plane.Url, "--endpoint", Port(Ports.Free()));
            var work = await Run("status");
            var list = await ListAsync(Run);
            var first = await Run("status", "--profile", "default");
            var early = await Run("profile", "remove", "work");
            await Run("down");
            var stillIn = await Run("profile", "remove", "work");
            var departures = world.Plane.Departures;
            var logout = await Run("logout");
            var removed = await Run("profile", "remove", "work");
            var after = await ListAsync(Run);
            var meant = await Run("status");

            Assert.True(up.ExitCode == 0, up.ToString());
            Assert.Equal(0, use.ExitCode);
            Assert.Contains("netbird-agent down --profile default", use.Error, StringComparison.Ordinal);
            Assert.Equal(3, fresh.ExitCode);
            Assert.True(login.ExitCode == 0, login.ToString());
            Assert.Contains("Profile:        work", work.Output, StringComparison.Ordinal);
            Assert.Equal([("default", false, "connected"), ("work", true, "down")], list);
            Assert.True(first.ExitCode == 0, first.ToString());
            Assert.Equal(1, early.ExitCode);
            Assert.Equal(1, stillIn.ExitCode);
            Assert.Contains("netbird-agent logout --profile work", stillIn.Error, StringComparison.Ordinal);
            Assert.Equal(0, departures);
            Assert.True(logout.ExitCode == 0, logout.ToString());
            Assert.Equal(1, world.Plane.Departures);
            Assert.True(removed.ExitCode == 0, removed.ToString());
            Assert.Equal([("default", true, "connected")], after);
            Assert.True(meant.ExitCode == 0, meant.ToString());
        }
        finally
        {
            await Run("down", "--profile", "work");
            await Run("down", "--profile", "default");
        }
    }

    [SkippableTheory]
    [InlineData("../x")]
    [InlineData(".hidden")]
    [InlineData("")]
    public async Task Use_WhatIsNoName_IsRefusedInWords(string name)
    {
        Person.Require(Somebody);
        using var person = new Person(Somebody);

        var outcome = await person.RunAsync("", AgentProcess.Executable, "profile", "use", name);

        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("no name for a profile", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(person.Home));
    }

    [SkippableTheory]
    [InlineData("status", 2)]
    [InlineData("statusline", 0)]
    public async Task AnyCommand_WithWhatIsNoName_SaysSo(string command, int exitCode)
    {
        await using var agent = new AgentProcess();

        var outcome = await agent.RunAsync(command, "--profile", "../x");

        Assert.Equal(exitCode, outcome.ExitCode);
        Assert.Contains(exitCode == 0 ? "not running" : "no name for a profile", outcome.Output + outcome.Error, StringComparison.Ordinal);
    }

    private static string Port(int port) => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");

    private static async Task<(string Name, bool Chosen, string State)[]> ListAsync(Func<string[], Task<Outcome>> run)
    {
        var list = await run(["profile", "list", "--json"]);
        return [.. JsonDocument.Parse(list.Output).RootElement.EnumerateArray()
            .Select(profile => (profile.GetProperty("name").GetString()!, profile.GetProperty("chosen").GetBoolean(), profile.GetProperty("state").GetString()!))];
    }
}
