using System.ComponentModel;
using System.Diagnostics;
using NetBird.Protocol.Daemon.V1;
using QRCoder;

namespace NetBird.Agent.Cli;

/// <summary>What a login asks of the person, shown in the terminal.</summary>
internal static class LoginPrompts
{
    /// <summary>The URL goes on a line of its own, so that scripts and terminals can pick it up.</summary>
    public static void ShowUrl(string url, bool noBrowser)
    {
        if (!noBrowser && TryOpen(url))
        {
            Terminal.Message.WriteLine("Log in in the browser window that opens. If none does, open this on this machine:");
        }
        else
        {
            Terminal.Message.WriteLine("To log in, open this in a browser on this machine:");
        }

        Terminal.Message.WriteLine(url);
    }

    public static void ShowCode(DeviceCode code)
    {
        if (!Console.IsErrorRedirected)
        {
            using var qr = new QRCodeGenerator();
            using var content = qr.CreateQrCode(code.VerificationUrlComplete, QRCodeGenerator.ECCLevel.L);
            using var picture = new AsciiQRCode(content);
            Terminal.Message.WriteLine(picture.GetGraphicSmall());
        }

        // After the picture, which is nearly as high as a small terminal: what is to be typed stays in sight.
        Terminal.Message.WriteLine(Fitted.Message($"To log in, open {code.VerificationUrl} on any device and enter the code"));
        Terminal.Message.WriteLine();
        Terminal.Message.WriteLine("    " + code.UserCode);
        Terminal.Message.WriteLine();
        Terminal.Message.WriteLine("Or open: " + code.VerificationUrlComplete);
    }

    private static bool TryOpen(string url)
    {
        var (opener, found) = OperatingSystem.IsWindows() ? (url, true)
            : OperatingSystem.IsMacOS() ? ("open", true)
            : ("xdg-open", HasDisplay());
        if (!found)
        {
            return false;
        }

        try
        {
            var start = new ProcessStartInfo(opener) { UseShellExecute = OperatingSystem.IsWindows() };
            if (!OperatingSystem.IsWindows())
            {
                start.ArgumentList.Add(url);
                start.RedirectStandardOutput = true;
                start.RedirectStandardError = true;
            }

            using var browser = Process.Start(start);
            return browser is not null;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    /// <summary>Whether a browser that opens here would be seen by whoever runs the command.</summary>
    public static bool CanShowBrowser => OperatingSystem.IsLinux()
        ? HasDisplay()
        : string.IsNullOrEmpty(Environment.GetEnvironmentVariable("SSH_CONNECTION"));

    private static bool HasDisplay()
        => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("DISPLAY"))
            || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("WAYLAND_DISPLAY"));
}
