using System.Text.RegularExpressions;

namespace Architecture.Tests;

/// <summary>Rules of the style guide that no analyzer knows.</summary>
public sealed partial class SourceTests
{
    private static readonly string[] TopLevel =
        ["NetBird.Agent.sln", "README.md", "agent", "controlplane", "installers", "shared", "tests"];

    public static IEnumerable<string> ProductSources
        => Tree.Files(".cs").Where(path => !path.StartsWith("tests/", StringComparison.Ordinal));

    [Fact]
    public void TopLevel_HoldsOnlyWhatWasAgreed()
    {
        var found = Directory.EnumerateFileSystemEntries(Tree.Root)
            .Select(path => Path.GetFileName(path))
            .Where(name => !name.StartsWith('.') && !name.StartsWith("Directory.", StringComparison.Ordinal))
            .Where(name => name is not ("artifacts" or "global.json" or "TestResults"));

        Assert.Equal(TopLevel, found.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void OnlyTheTunnel_DeclaresNativeImportsOrUnsafeCode()
        => Assert.Empty(ProductSources
            .Where(path => !path.StartsWith("shared/NetBird.WireGuard/", StringComparison.Ordinal))
            .Where(path => NativeImport().IsMatch(Tree.Read(path))));

    [Fact]
    public void NativeImports_NameTheirSearchPath()
        => Assert.Empty(ProductSources.Where(path =>
        {
            var text = Tree.Read(path);
            return Regex.Count(text, @"\[LibraryImport\(") > Regex.Count(text, @"\[DefaultDllImportSearchPaths\(")
                && !text.Contains("[DefaultDllImportSearchPaths", StringComparison.Ordinal);
        }));

    [Fact]
    public void LogMessages_AreSourceGenerated()
        => Assert.Empty(ProductSources.Where(path => DirectLogCall().IsMatch(Tree.Read(path))));

    [Fact]
    public void NothingIsLeftUnwritten()
        => Assert.Empty(ProductSources.Where(path => Tree.Read(path).Contains("NotImplementedException", StringComparison.Ordinal)));

    [Fact]
    public void AgentAndControlPlane_DoNotKnowEachOther()
    {
        Assert.Empty(Tree.Files(".cs").Where(path => path.StartsWith("agent/", StringComparison.Ordinal))
            .Where(path => ControlPlaneNamespace().IsMatch(Tree.Read(path))));
        Assert.Empty(Tree.Files(".cs").Where(path => path.StartsWith("controlplane/", StringComparison.Ordinal))
            .Where(path => AgentNamespace().IsMatch(Tree.Read(path))));
    }

    [Fact]
    public void Policy_IsPure()
        => Assert.Empty(ProductSources
            .Where(path => path.StartsWith("controlplane/NetBird.Policy/", StringComparison.Ordinal))
            .Where(path => Impure().IsMatch(Tree.Read(path))));

    [Fact]
    public void Folders_AreNamedAfterFeatures()
        => Assert.DoesNotContain(ProductSources.SelectMany(path => path.Split('/')), part => part
            is "Services" or "Helpers" or "Interfaces" or "Models" or "Common" or "Utils");

    [GeneratedRegex(@"\[(LibraryImport|DllImport)\(|^\s*(internal |private |public |static )*unsafe ", RegexOptions.Multiline)]
    private static partial Regex NativeImport();

    [GeneratedRegex(@"[lL]ogger\.Log(Trace|Debug|Information|Warning|Error|Critical)?\(")]
    private static partial Regex DirectLogCall();

    [GeneratedRegex(@"using NetBird\.(ControlPlane|Gateway|Policy)\b")]
    private static partial Regex ControlPlaneNamespace();

    [GeneratedRegex(@"using NetBird\.Agent\b")]
    private static partial Regex AgentNamespace();

    [GeneratedRegex(@"using System\.(IO|Net|Threading\.Tasks)|HttpClient|\bFile\.|TimeProvider")]
    private static partial Regex Impure();
}
