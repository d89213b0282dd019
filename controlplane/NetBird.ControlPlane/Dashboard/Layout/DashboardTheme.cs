using MudBlazor;

namespace NetBird.ControlPlane.Dashboard.Layout;

/// <summary>Colours and type. Text on every surface has a contrast of at least 4.5:1 (WCAG 2.2, 1.4.3).</summary>
internal static class DashboardTheme
{
    private static readonly string[] SystemFonts =
        ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "DejaVu Sans", "sans-serif"];

    public static MudTheme Value { get; } = new()
    {
        PaletteLight = new PaletteLight
        {
            Primary = "#b8430a",
            Secondary = "#3b5b7a",
            Background = "#f6f7f9",
            Surface = "#ffffff",
            AppbarBackground = "#ffffff",
            AppbarText = "#1d2430",
            DrawerBackground = "#ffffff",
            DrawerText = "#3d4756",
            TextPrimary = "#1d2430",
            TextSecondary = "#545f70",
            LinesDefault = "#e3e6eb",
            TableLines = "#e9ecf0",
            Success = "#1b7a43",
            Warning = "#9a5b00",
            Error = "#b3261e",
            Info = "#1f5fa8",
        },
        PaletteDark = new PaletteDark
        {
            Primary = "#ff8a4c",
            PrimaryContrastText = "#1d1209",
            Secondary = "#8fb4d9",
            Background = "#12151b",
            Surface = "#1a1f28",
            AppbarBackground = "#1a1f28",
            AppbarText = "#e8ebf0",
            DrawerBackground = "#1a1f28",
            DrawerText = "#c3cad6",
            TextPrimary = "#e8ebf0",
            TextSecondary = "#a3adbb",
            LinesDefault = "#2b323e",
            TableLines = "#262d38",
            Success = "#58c98a",
            Warning = "#f0b354",
            Error = "#ff8a80",
            Info = "#7db8f7",
        },
        Typography = new Typography
        {
            Default = new DefaultTypography { FontFamily = SystemFonts, FontSize = "0.9rem" },
            H4 = new H4Typography { FontSize = "1.5rem", FontWeight = "600" },
            H5 = new H5Typography { FontSize = "1.35rem", FontWeight = "600" },
            Button = new ButtonTypography { TextTransform = "none", FontWeight = "600", LetterSpacing = "0", FontSize = "0.87rem" },
            H6 = new H6Typography { FontSize = "1rem", FontWeight = "600" },
        },
        LayoutProperties = new LayoutProperties { DefaultBorderRadius = "8px" },
    };
}
