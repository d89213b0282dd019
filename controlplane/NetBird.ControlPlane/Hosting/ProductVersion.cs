using System.Reflection;

namespace NetBird.ControlPlane.Hosting;

/// <summary>The version of this build, as agents and people see it.</summary>
internal static class ProductVersion
{
    public static string Text { get; } =
        (typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0")
        .Split('+')[0];
}
