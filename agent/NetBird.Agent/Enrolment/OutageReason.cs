namespace NetBird.Agent.Enrolment;

/// <summary>
/// The one reason that people are told of an outage. What an attempt ends with depends on its moment: one is refused, the
/// next hears nothing, a third meets a name server. Only what several attempts in a row end with takes another's place.
/// </summary>
internal sealed class OutageReason
{
    /// <summary>Ours: two that take turns never get there.</summary>
    private const int InARow = 3;

    private string _told = "";
    private string _other = "";
    private int _times;

    /// <summary>What is told now.</summary>
    /// <param name="reason">What the latest attempt ended with.</param>
    /// <param name="isNews">It was not told before.</param>
    public string Tell(string reason, out bool isNews)
    {
        (_times, _other) = reason == _told ? (0, "") : reason == _other ? (_times + 1, reason) : (1, reason);
        isNews = _told.Length == 0 || _times >= InARow;
        if (isNews)
        {
            (_told, _other, _times) = (reason, "", 0);
        }

        return _told;
    }

    /// <summary>The outage is over; the next has a reason of its own.</summary>
    public void Over() => (_told, _other, _times) = ("", "", 0);
}
