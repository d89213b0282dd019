namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>Waits for what a background task does.</summary>
internal static class Eventually
{
    public static async Task TrueAsync(Func<Task<bool>> isSo, double seconds = 10)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        while (!await isSo())
        {
            await Task.Delay(10, limit.Token);
        }
    }
}
