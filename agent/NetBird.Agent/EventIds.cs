namespace NetBird.Agent;

/// <summary>A block of 100 log event ids per feature folder.</summary>
internal static class EventIds
{
    public const int Store = 100;
    public const int Lifecycle = 200;
    public const int Identity = 300;
    public const int Enrolment = 400;
    public const int Tunnel = 500;
    public const int Endpoint = 600;
    public const int DaemonApi = 700;
    public const int Listening = 800;
}
