namespace EndToEnd.Tests.Packages;

/// <summary>
/// The packages of this checkout. Building them takes many minutes: NETBIRD_LONG=1 does it, once for all tests;
/// NETBIRD_TEST_PACKAGES names a folder where installers/build.sh has put them already.
/// </summary>
internal static class BuiltPackages
{
    private static readonly Lazy<Task<string>> Building = new(BuildAsync);

    /// <returns>Path of the one file whose name fits.</returns>
    public static async Task<string> FindAsync(string pattern)
    {
        var folder = Environment.GetEnvironmentVariable("NETBIRD_TEST_PACKAGES");
        if (string.IsNullOrEmpty(folder))
        {
            Skip.IfNot(Environment.GetEnvironmentVariable("NETBIRD_LONG") == "1", "Builds the packages, which takes minutes: NETBIRD_LONG=1.");
            folder = await Building.Value;
        }

        var found = Directory.GetFiles(folder, pattern);
        Skip.If(found.Length == 0, $"No {pattern}: the tool that makes it is not installed here.");
        return Assert.Single(found);
    }

    private static async Task<string> BuildAsync()
    {
        // Beside the build output, which is nobody's to keep.
        var folder = Path.Combine(Checkout.Root, "artifacts/packages");
        var made = await Command.RunAsync(Path.Combine(Checkout.Root, "installers/build.sh"), ["--output", folder], limitSeconds: 3600);
        Assert.True(made.ExitCode == 0, made.ToString());
        return folder;
    }
}
