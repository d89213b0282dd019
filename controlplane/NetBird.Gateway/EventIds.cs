namespace NetBird.Gateway;

/// <summary>Ids of the gateway's log messages, a block of 100 per feature.</summary>
internal static class EventIds
{
    public const int Pipeline = 3000;
    public const int Admission = 3100;
    public const int Authorization = 3300;
    public const int Credentials = 3400;
    public const int Forwarding = 3500;
    public const int Metering = 3600;
    public const int Batches = 3700;
    public const int Capture = 3800;
}
