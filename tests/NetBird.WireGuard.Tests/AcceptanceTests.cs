using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace NetBird.WireGuard.Tests;

/// <summary>Holds shared/docs/tunnel-acceptance.md to the code: each row's source is cited and each of its tests exists.</summary>
public sealed partial class AcceptanceTests
{
    private static readonly string s_root = FindRoot();

    public static TheoryData<string> Properties { get; } = [.. Rows().Select(row => row[0])];

    [Theory]
    [MemberData(nameof(Properties))]
    public void Row_OfTheTable_IsCitedAndTested(string property)
    {
        var row = Rows().Single(row => row[0] == property);
        var file = Path.Combine(s_root, "shared/NetBird.WireGuard", row[1]);
        Assert.True(File.Exists(file), $"{row[1]} does not exist");
        Assert.Contains(row[2], Space().Replace(File.ReadAllText(file).Replace("///", "", StringComparison.Ordinal), " "), StringComparison.Ordinal);

        var tests = typeof(AcceptanceTests).Assembly.GetTypes().SelectMany(type => type.GetMethods())
            .Where(method => method.GetCustomAttributes<FactAttribute>().Any()).Select(method => method.Name).ToHashSet();
        Assert.All(row[3].Split(", "), test => Assert.True(tests.Contains(test), $"{test} is no test"));
    }

    [Fact]
    public void Table_HasARowForEachProperty() => Assert.Equal(26, Rows().Count);

    /// <summary>A comparison that ends at the first difference tells by its time how much of a guess was right.</summary>
    [Fact]
    public void Noise_Comparisons_AreInConstantTime()
    {
        var folder = Path.Combine(s_root, "shared/NetBird.WireGuard/Userspace/Noise");

        // Timestamps are compared once they are authenticated, and are no secret.
        var early = Directory.EnumerateFiles(folder, "*.cs").Where(file => Path.GetFileName(file) != "Tai64n.cs").Where(file => Early().IsMatch(File.ReadAllText(file)));

        Assert.Empty(early.Select(Path.GetFileName));
        Assert.Contains("FixedTimeEquals", File.ReadAllText(Path.Combine(folder, "CookieIssuer.cs")), StringComparison.Ordinal);
    }

    [Fact]
    public void Windows_Imports_SearchOnlyTheApplicationFolderAndSystem32()
    {
        var imports = typeof(Tunnel).Assembly.GetTypes().Where(type => type.Namespace == "NetBird.WireGuard.Windows")
            .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
            .Where(method => method.GetCustomAttribute<DefaultDllImportSearchPathsAttribute>() is not null || method.Attributes.HasFlag(MethodAttributes.PinvokeImpl))
            .Where(method => !method.Name.StartsWith("__", StringComparison.Ordinal)).ToList();

        Assert.True(imports.Count >= 11, $"only {imports.Count} imports were found");
        Assert.All(imports, import =>
        {
            var paths = import.GetCustomAttribute<DefaultDllImportSearchPathsAttribute>()?.Paths ?? default;
            Assert.NotEqual(default, paths);
            Assert.Equal(default, paths & ~(DllImportSearchPath.ApplicationDirectory | DllImportSearchPath.System32));
        });
    }

    private static List<string[]> Rows()
        => [.. File.ReadLines(Path.Combine(s_root, "shared/docs/tunnel-acceptance.md"))
            .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| property", StringComparison.Ordinal))
            .Select(line => line.Trim('|', ' ').Split(" | "))];

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "NetBird.Agent.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("NetBird.Agent.sln is above no test binary.");
        }

        return folder.FullName;
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();

    [GeneratedRegex(@"\.SequenceEqual\(|\.SequenceCompareTo\(|== *expected")]
    private static partial Regex Early();
}
