using Microsoft.Extensions.Logging.Abstractions;
using NetBird.ControlPlane.Usage;
using NetBird.Primitives;

namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>
/// Writes requests as fast as it can and says so: <c>b ID</c> when the journal has taken a beginning, <c>c ID</c> when it has
/// taken an end. Killed at a random moment by <see cref="KillTests"/>.
/// </summary>
internal static class UsageWriter
{
    public static async Task RunAsync(string directory)
    {
        await using var store = await UsageStore.OpenAsync(directory, TimeProvider.System, NullLoggerFactory.Instance, default);
        await using var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; ; i++)
            {
                var row = Rows.Row(i, $"user{worker}") with { Id = RequestId.New(), Timestamp = DateTimeOffset.UtcNow };
                await store.Journal.BeginAsync(row with { Usage = new(new TokenUsage(99, 0)), Cost = default }, default);
                Say('b', row.Id);
                await Task.Yield();
                await store.Journal.CompleteAsync(row);
                Say('c', row.Id);
            }
        })));

        void Say(char what, RequestId id)
        {
            lock (output)
            {
                output.WriteLine($"{what} {id}");
            }
        }
    }
}
