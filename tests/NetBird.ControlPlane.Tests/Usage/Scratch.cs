namespace NetBird.ControlPlane.Tests.Usage;

/// <summary>A directory of its own for one test.</summary>
internal sealed class Scratch : IDisposable
{
    public Scratch() => Path = Directory.CreateTempSubdirectory("netbird-usage-").FullName;

    public string Path { get; }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
