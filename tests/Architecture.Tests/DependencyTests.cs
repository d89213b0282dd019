using System.Xml.Linq;

namespace Architecture.Tests;

/// <summary>Dependencies point one way; read from the project files, so a new reference fails here first.</summary>
public sealed class DependencyTests
{
    public static TheoryData<string, string[]> Allowed => new()
    {
        { "NetBird.Primitives", [] },
        { "NetBird.Protocol", [] },
        { "NetBird.CommandLine", [] },
        { "NetBird.WireGuard", ["NetBird.Primitives"] },
        { "NetBird.Policy", ["NetBird.Primitives"] },
        { "NetBird.Gateway", ["NetBird.Policy", "NetBird.Primitives"] },
        {
            "NetBird.ControlPlane",
            ["NetBird.CommandLine", "NetBird.Gateway", "NetBird.Policy", "NetBird.Primitives", "NetBird.Protocol", "NetBird.WireGuard"]
        },
        { "NetBird.Agent", ["NetBird.CommandLine", "NetBird.Primitives", "NetBird.Protocol", "NetBird.WireGuard"] },
    };

    [Theory]
    [MemberData(nameof(Allowed))]
    public void Project_References_OnlyWhatTheArchitectureAllows(string project, string[] allowed)
    {
        var file = Assert.Single(Tree.Files(".csproj"), path => Path.GetFileNameWithoutExtension(path) == project);

        var references = References(file);

        Assert.Empty(references.Except(allowed));
    }

    [Fact]
    public void EveryProject_OutsideTests_IsInTheTable()
    {
        var known = Allowed.Select(row => (string)row[0]);

        var projects = Tree.Files(".csproj")
            .Where(path => !path.StartsWith("tests/", StringComparison.Ordinal))
            .Select(Path.GetFileNameWithoutExtension);

        Assert.Equal(known.Order(), projects.Order());
    }

    [Fact]
    public void EveryProject_IsInTheSolution()
    {
        var solution = Tree.Read("NetBird.Agent.sln").Replace('\\', '/');

        Assert.All(Tree.Files(".csproj"), path => Assert.Contains(path, solution, StringComparison.Ordinal));
    }

    [Fact]
    public void Packages_HaveTheirVersions_InOnePlace()
        => Assert.All(Tree.Files(".csproj"), path => Assert.DoesNotContain(
            XDocument.Parse(Tree.Read(path)).Descendants("PackageReference"), package => package.Attribute("Version") is not null));

    private static IEnumerable<string> References(string project)
        => XDocument.Parse(Tree.Read(project)).Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/')));
}
