using System.Text;
using NetBird.ControlPlane.Store.Secrets;

namespace NetBird.ControlPlane.Tests.Store;

/// <summary>What every place for shared secrets has to do; one class per place runs it.</summary>
public abstract class SharedSecretsContract
{
    [SkippableFact]
    public async Task GetOrAdd_Twice_KeepsTheFirst()
    {
        var secrets = await OpenAsync();

        var first = secrets.GetOrAdd("keys/a.key", () => [1, 2, 3]);
        var second = secrets.GetOrAdd("keys/a.key", () => throw new InvalidOperationException("It is there."));

        Assert.Equal(first, second);
        Assert.Equal([1, 2, 3], secrets.Find("keys/a.key"));
    }

    [SkippableFact]
    public async Task Names_OfAFolder_AreItsOwnInOrder()
    {
        var secrets = await OpenAsync();
        foreach (var name in (string[])["idp/b", "idp/a", "keys/c", "idpx/d"])
        {
            secrets.GetOrAdd(name, () => Encoding.ASCII.GetBytes(name));
        }

        Assert.Equal(["idp/a", "idp/b"], secrets.Names("idp"));
    }

    [SkippableFact]
    public async Task Remove_TakesItAway()
    {
        var secrets = await OpenAsync();
        secrets.GetOrAdd("idp/a", () => [1]);

        secrets.Remove("idp/a");
        secrets.Remove("idp/never");

        Assert.Null(secrets.Find("idp/a"));
        Assert.Empty(secrets.Names("idp"));
    }

    internal abstract Task<ISharedSecrets> OpenAsync();
}
