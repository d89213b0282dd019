using NetBird.ControlPlane.Hosting;

namespace NetBird.ControlPlane.AgentApi;

/// <summary>Setup keys that do not work, by the address they came from.</summary>
internal sealed class EnrolmentGuesses(TimeProvider time)
{
    // Ours, as at the login page: a fleet with one old key is heard, a guesser gets nowhere.
    private const int Burst = 60;
    private const int PerMinute = 60;

    private readonly CallPace _pace = new(Burst, PerMinute, time);

    /// <summary>Takes one in; zero, or how long the address has to wait.</summary>
    public TimeSpan Take(string address) => _pace.Take(address);
}
