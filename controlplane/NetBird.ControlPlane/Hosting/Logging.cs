using Microsoft.Extensions.Logging.Console;

namespace NetBird.ControlPlane.Hosting;

/// <summary>What is logged, and how it is written.</summary>
/// <param name="Level">The least that is written.</param>
/// <param name="Json">A JSON object a line, every value under its own name, for a collector; else a line for people.</param>
internal sealed record LogOptions(LogLevel Level = LogLevel.Information, bool Json = false);

/// <summary>Logs go to standard error, one line each; standard output is for results.</summary>
internal static class Logging
{
    public static void AddControlPlaneLogging(this ILoggingBuilder logging, LogOptions options)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(options.Level);
        logging.AddFilter("Microsoft", LogLevel.Warning);

        // It repeats with a stack what 'serve' says in one line; what ends a running control plane it calls critical.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);

        // It warns that its keys are not encrypted by one of its own means; they are sealed by ours (FileSecrets).
        logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error);
        logging.AddFilter("OpenIddict", LogLevel.Warning);
        logging.AddFilter("System.Net.Http", LogLevel.Warning);
        if (options.Json)
        {
            logging.AddJsonConsole(console =>
            {
                console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
                console.UseUtcTimestamp = true;
            });
        }
        else
        {
            logging.AddSimpleConsole(console =>
            {
                console.SingleLine = true;
                console.TimestampFormat = "yyyy-MM-ddTHH:mm:ssZ ";
                console.UseUtcTimestamp = true;
                console.ColorBehavior = Console.IsErrorRedirected || Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 }
                    ? LoggerColorBehavior.Disabled
                    : LoggerColorBehavior.Enabled;
            });
        }

        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }
}
