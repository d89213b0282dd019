using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;
using NetBird.ControlPlane.Identity.Embedded;
using NetBird.ControlPlane.Store.Secrets;

namespace NetBird.ControlPlane.Tests.Identity;

public sealed class IdpKeysTests : IDisposable
{
    private readonly TemporaryState _state = new();

    [Fact]
    public void Load_NothingThereYet_MakesOneKeyForES256_AndFindsItAgain()
    {
        var first = IdpKeys.Load(FileSecrets.Open(_state.Path, null), _state.Time);
        var again = IdpKeys.Load(FileSecrets.Open(_state.Path, null), _state.Time);

        Assert.Equal(256, Assert.IsType<ECDsaSecurityKey>(Assert.Single(first.Signing)).KeySize);
        Assert.Equal(first.Signing[0].KeyId, Assert.Single(again.Signing).KeyId);
    }

    /// <summary>Whoever logged in before an upgrade stays so: the key of the version before goes on signing, then verifying.</summary>
    [Fact]
    public void Load_RsaKeyOfAnEarlierVersion_SignsUntilItIsDue_ThenVerifiesBesideTheNewOne()
    {
        using var rsa = RSA.Create(2048);
        var secrets = FileSecrets.Open(_state.Path, null);
        var name = $"idp/signing-{_state.Time.GetUtcNow().ToUnixTimeSeconds():D12}.pem";
        secrets.GetOrAdd(name, () => Encoding.ASCII.GetBytes(rsa.ExportPkcs8PrivateKeyPem()));

        var before = IdpKeys.Load(secrets, _state.Time);
        _state.Time.Advance(TimeSpan.FromDays(181));
        var after = IdpKeys.Load(secrets, _state.Time);
        _state.Time.Advance(TimeSpan.FromDays(60));
        var later = IdpKeys.Load(secrets, _state.Time);

        var old = Assert.IsType<RsaSecurityKey>(Assert.Single(before.Signing));
        Assert.Equal(rsa.ExportParameters(false).Modulus, old.Rsa.ExportParameters(false).Modulus);
        Assert.Equal(2, after.Signing.Count);
        Assert.IsType<ECDsaSecurityKey>(after.Signing[0]);
        Assert.Equal(old.KeyId, after.Signing[1].KeyId);
        Assert.Equal(after.Signing[0].KeyId, Assert.Single(later.Signing).KeyId);
    }

    public void Dispose() => _state.Dispose();
}
