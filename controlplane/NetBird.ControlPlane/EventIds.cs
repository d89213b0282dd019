namespace NetBird.ControlPlane;

/// <summary>Log event ids: a block of 100 per feature, never renumbered.</summary>
internal static class EventIds
{
    public const int Hosting = 1000;
    public const int Identity = 1100;
    public const int AgentApi = 1200;
    public const int Tunnels = 1300;
    public const int Store = 1400;
    public const int Usage = 1500;
    public const int AdminApi = 1600;
    public const int Providers = 1700;
    public const int Audit = 1800;
    public const int Dashboard = 1900;
    public const int Raises = 2000;
    public const int Webhooks = 2100;
    public const int Prompts = 2200;
}
