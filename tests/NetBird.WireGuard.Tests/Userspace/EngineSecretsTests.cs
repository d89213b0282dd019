using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.Extensions.Logging;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>Keys stay where they are: not in a log, not in a text, not in memory once they are of no use.</summary>
public sealed class EngineSecretsTests
{
    [Fact]
    public async Task Log_OfEverythingThatHappens_HoldsNoKey()
    {
        using var log = new RecordingLog();
        var psk = Enumerable.Repeat((byte)0xA7, 32).ToArray();
        await using (var world = new World(psk, psk, logging: log))
        {
            world.Connect();
            world.Time.Jump(TimeSpan.FromHours(1));
            world.AliceSends();
            world.Wire.Delivers = _ => false;
            world.Pass(200);
            world.AliceSends();
            world.Pass(120);
            Assert.NotEmpty(log.Lines);
            foreach (var key in (byte[][])[Export(world.AliceKey), Export(world.BobKey), psk, world.BobKey.PublicKey.ToArray()])
            {
                Assert.All(log.Lines, line =>
                {
                    Assert.DoesNotContain(Convert.ToBase64String(key), line, StringComparison.Ordinal);
                    Assert.DoesNotContain(Convert.ToHexString(key), line, StringComparison.OrdinalIgnoreCase);
                });
            }

            Assert.DoesNotContain(Convert.ToBase64String(Export(world.AliceKey)), world.AliceKey.ToString()!, StringComparison.Ordinal);
        }

        static byte[] Export(PrivateKey key)
        {
            var bytes = new byte[PrivateKey.Size];
            key.Export(bytes);
            return bytes;
        }
    }

    [Fact]
    public async Task Idle_540Seconds_TheKeysBytesAreZero()
    {
        await using var world = new World();
        world.Connect();
        var session = world.Alice.Engine.GetPeer(world.BobKey.PublicKey)!.SessionToSend(world.Alice.Engine.Clock.NowMs)!;
        var keys = (byte[])Field(Field(session, "keys"), "_keys");
        Assert.Contains(keys, b => b != 0);

        world.Pass(541);

        Assert.DoesNotContain(keys, b => b != 0);
    }

    // By its start, since the compiler names what a primary constructor captures "<name>P".
    private static object Field(object of, string name)
        => of.GetType().GetFields(BindingFlags.NonPublic | BindingFlags.Instance)
            .Single(field => field.Name == name || field.Name == $"<{name}>P").GetValue(of)!;

    private sealed class RecordingLog : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => Lines.Enqueue(formatter(state, exception) + exception);
    }
}
