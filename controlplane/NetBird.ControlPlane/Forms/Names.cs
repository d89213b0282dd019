namespace NetBird.ControlPlane.Forms;

/// <summary>Names that people give are one when they differ in case alone.</summary>
internal static class Names
{
    public static bool Same(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);
}
