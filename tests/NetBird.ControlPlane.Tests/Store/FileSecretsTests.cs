using System.Text;
using NetBird.ControlPlane.Store.Secrets;

namespace NetBird.ControlPlane.Tests.Store;

public sealed class FileSecretsTests : SharedSecretsContract, IDisposable
{
    private readonly TemporaryState _state = new();

    [SkippableFact]
    public async Task GetOrAdd_Writes_ForTheOwnerAlone()
    {
        if (OperatingSystem.IsWindows())
        {
            Skip.If(true, "Modes are POSIX.");
            return;
        }

        (await OpenAsync()).GetOrAdd("keys/a.key", () => [1]);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(PathOf("keys/a.key.sealed")));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(PathOf("keys")));
    }

    [Fact]
    public void Open_WhatAnEarlierVersionLeftInClear_IsSealedAndReadAsBefore()
    {
        string[] names = ["keys/audit.key", "keys/key-1.xml", "idp/signing-000000000001.pem", "gateway.key", "endpoint-authority.pem"];
        foreach (var name in names)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
            File.WriteAllText(PathOf(name), "planted " + name);
        }

        File.WriteAllText(PathOf("keys/half.xml.new"), "planted half");
        var secrets = FileSecrets.Open(_state.Path, null);

        Assert.All(names, name => Assert.Equal("planted " + name, Encoding.ASCII.GetString(secrets.Find(name)!)));
        Assert.Equal(["keys/audit.key", "keys/key-1.xml"], secrets.Names("keys"));
        Assert.All(
            Directory.EnumerateFiles(_state.Path, "*", SearchOption.AllDirectories),
            file => Assert.DoesNotContain("planted", File.ReadAllText(file), StringComparison.Ordinal));
    }

    [Fact]
    public void Open_CutBetweenSealingAndDeleting_KeepsWhatIsSealed()
    {
        FileSecrets.Open(_state.Path, null).GetOrAdd("gateway.key", () => [1, 2]);
        File.WriteAllBytes(PathOf("gateway.key"), [1, 2]);

        Assert.Equal([1, 2], FileSecrets.Open(_state.Path, null).Find("gateway.key"));
        Assert.False(File.Exists(PathOf("gateway.key")));
    }

    [Fact]
    public void Open_KeyElsewhere_LeavesNothingInTheDirectoryThatOpensIt()
    {
        using var elsewhere = new TemporaryState();
        var key = Path.Combine(elsewhere.Path, "the.key");
        FileSecrets.Open(_state.Path, key).GetOrAdd("keys/a", () => [1]);

        Assert.False(File.Exists(PathOf(ClusterKey.FileName)));
        Assert.Equal([1], FileSecrets.Open(_state.Path, key).Find("keys/a"));
        Assert.Contains("put it back", Refusal(PathOf(ClusterKey.FileName)), StringComparison.Ordinal);
        Assert.False(File.Exists(PathOf(ClusterKey.FileName)));
    }

    [Fact]
    public void Open_KeyNamedElsewhereAndStillHere_SaysWhatToMove()
    {
        FileSecrets.Open(_state.Path, null).GetOrAdd("keys/a", () => [1]);

        Assert.Contains("move that file there", Refusal(PathOf("other.key")), StringComparison.Ordinal);
    }

    [Fact]
    public void Find_AnotherKeyOrAnotherName_DoesNotOpen()
    {
        var secrets = FileSecrets.Open(_state.Path, null);
        secrets.GetOrAdd("keys/a", () => [1]);
        File.Copy(PathOf("keys/a.sealed"), PathOf("keys/b.sealed"));
        Assert.Contains("does not open", Assert.Throws<InvalidDataException>(() => secrets.Find("keys/b")).Message, StringComparison.Ordinal);

        File.Delete(PathOf(ClusterKey.FileName));
        ClusterKey.Create(PathOf(ClusterKey.FileName));
        Assert.Throws<InvalidDataException>(() => FileSecrets.Open(_state.Path, null).Find("keys/a"));
    }

    public void Dispose() => _state.Dispose();

    internal override Task<ISharedSecrets> OpenAsync() => Task.FromResult<ISharedSecrets>(FileSecrets.Open(_state.Path, null));

    private string PathOf(string name) => Path.Combine(_state.Path, name);

    private string Refusal(string key) => Assert.Throws<InvalidDataException>(() => FileSecrets.Open(_state.Path, key)).Message;
}
