using System.Globalization;

namespace NetBird.Agent.Tests.TestSupport;

/// <summary>A line per fault for the table of recovery times, when NETBIRD_FAULT_TABLE names a file.</summary>
internal static class FaultTable
{
    public static void Report(string fault, TimeSpan took) => Say(fault, string.Create(CultureInfo.InvariantCulture, $"{took.TotalSeconds:0.0} s"));

    public static void Say(string what, string figure)
    {
        if (Environment.GetEnvironmentVariable("NETBIRD_FAULT_TABLE") is { Length: > 0 } file)
        {
            File.AppendAllText(file, $"{what}\t{figure}\n");
        }
    }
}
