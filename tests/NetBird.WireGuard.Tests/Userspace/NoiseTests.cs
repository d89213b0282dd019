using System.Text;
using NetBird.WireGuard.Userspace.Noise;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Macs;
using Org.BouncyCastle.Crypto.Parameters;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>The primitives against published vectors, and against BouncyCastle where there are none.</summary>
public sealed class NoiseTests
{
    [Fact]
    public void Blake2s_Abc_IsRfc7693AppendixB()
    {
        var hash = new byte[32];

        Blake2s.Hash(Encoding.ASCII.GetBytes("abc"), [], hash);

        Assert.Equal("508C5E8C327C14E2E1A72BA34EEB452F37458B209ED63A294D999B4C86675982", Convert.ToHexString(hash));
    }

    [Fact]
    public void Blake2s_ManyLengthsAndKeys_IsRfc7693AppendixE()
    {
        // The self-test of the RFC: a hash over the hashes of many inputs, plain and keyed, in four output sizes.
        var total = new Blake2s(32);
        foreach (var size in (int[])[16, 20, 28, 32])
        {
            foreach (var length in (int[])[0, 3, 64, 65, 255, 1024])
            {
                var input = Sequence(length, (uint)length);
                Add(ref total, size, input, []);
                Add(ref total, size, input, Sequence(size, (uint)size));
            }
        }

        var grand = new byte[32];
        total.Finish(grand);
        Assert.Equal("6A411F08CE25ADCDFB02ABA641451CEC53C598B24F4FC787FBDC88797F4C1DFE", Convert.ToHexString(grand));

        static void Add(ref Blake2s total, int size, byte[] input, byte[] key)
        {
            var hash = new byte[size];
            var one = new Blake2s(size, key);
            one.Update(input);
            one.Finish(hash);
            total.Update(hash);
        }

        static byte[] Sequence(int length, uint seed)
        {
            var (a, b) = (0xDEAD4BAD * seed, 1u);
            var bytes = new byte[length];
            for (var i = 0; i < length; i++)
            {
                (a, b) = (b, a + b);
                bytes[i] = (byte)(b >> 24);
            }

            return bytes;
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(200)]
    public void Hmac_AnyLength_EqualsBouncyCastle(int length)
    {
        var key = Enumerable.Range(7, 32).Select(i => (byte)i).ToArray();
        var data = Enumerable.Range(0, length).Select(i => (byte)(i * 3)).ToArray();
        var reference = new HMac(new Blake2sDigest(256));
        reference.Init(new KeyParameter(key));
        reference.BlockUpdate(data, 0, data.Length);
        var expected = new byte[32];
        reference.DoFinal(expected, 0);

        var actual = new byte[32];
        Blake2s.Hmac(key, data.AsSpan(0, length / 2), data.AsSpan(length / 2), actual);

        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Derive_ThreeOutputs_AreHkdfWithEmptyInfo()
    {
        byte[] chain = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
        byte[] input = [.. Enumerable.Range(100, 32).Select(i => (byte)i)];
        var hkdf = new Org.BouncyCastle.Crypto.Generators.HkdfBytesGenerator(new Blake2sDigest(256));
        hkdf.Init(new HkdfParameters(input, chain, []));
        var expected = new byte[96];
        hkdf.GenerateBytes(expected, 0, expected.Length);

        var actual = new byte[96];
        Kdf.Derive(chain, input, actual.AsSpan(0, 32), actual.AsSpan(32, 32), actual.AsSpan(64));

        Assert.Equal(expected, actual);
    }

    [Fact]
    public void InitialHashes_AreThoseOfWireGuard()
    {
        // wireguard-go device/noise-protocol.go, InitialChainKey (computed there from the same strings).
        Assert.Equal(
            "60E26DAEF327EFC02EC335E2A025D2D016EB4206F87277F52D38D1988B78CD36",
            Convert.ToHexString(StaticIdentity.InitialChainingKey));
    }

    [Fact]
    public void ScalarMultiply_Rfc7748Section5And6_Vectors()
    {
        var result = new byte[32];
        Assert.True(Sodium.TryScalarMultiply(
            Convert.FromHexString("A546E36BF0527C9D3B16154B82465EDD62144C0AC1FC5A18506A2244BA449AC4"),
            Convert.FromHexString("E6DB6867583030DB3594C1A424B15F7C726624EC26B3353B10A903A6D0AB1C4C"),
            result));
        Assert.Equal("C3DA55379DE9C6908E94EA4DF28D084F32ECCF03491C71F754B4075577A28552", Convert.ToHexString(result));

    }

    [Fact]
    public void ScalarMultiply_Rfc7748Section52_ThousandIterations()
    {
        byte[] k = [9, .. new byte[31]];
        var u = k;
        for (var i = 0; i < 1_000; i++)
        {
            var result = new byte[32];
            Assert.True(Sodium.TryScalarMultiply(k, u, result));
            (k, u) = (result, k);
            if (i == 0)
            {
                Assert.Equal("422C8E7A6227D7BCA1350B3E2BB7279F7897B87BB6854B783C60E80311AE3079", Convert.ToHexString(k));
                Sodium.ScalarMultiplyBase(u, result);
                Assert.Equal(k, result);
            }
        }

        Assert.Equal("684CF59BA83309552800EF566F2F4D3C1C3887C49360E3875F2EB94D99532C51", Convert.ToHexString(k));
    }

    // The points of small order on the curve and its twist (cr.yp.to/ecdh.html, "validate public keys").
    [Theory]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("0100000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("E0EB7A7C3B41B8AE1656E3FAF19FC46ADA098DEB9C32B1FD866205165F49B800")]
    [InlineData("5F9C95BCA3508C24B1D0B1559C83EF5B04445CC4581C8E86D8224EDDD09F1157")]
    [InlineData("ECFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF7F")]
    [InlineData("EDFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF7F")]
    [InlineData("EEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF7F")]
    public void ScalarMultiply_LowOrder_IsRefused(string point)
    {
        using var key = PrivateKey.Generate();

        Assert.False(key.TryAgree(new Primitives.PublicKey(Convert.FromHexString(point)), new byte[32]));
    }

    [Fact]
    public void Open_Rfc8439AppendixA5_Opens()
    {
        // Nonce 00000000 0102030405060708: WireGuard's form, with this counter in it.
        var key = Convert.FromHexString("1C9240A5EB55D38AF333888604F6B5F0473917C1402B80099DCA5CBC207075C0");
        var sealedText = Convert.FromHexString(
            "64A0861575861AF460F062C79BE643BD5E805CFD345CF389F108670AC76C8CB24C6CFC18755D43EEA09EE94E382D26B0BDB7B73C321B0100D4F03B7F355894CF"
            + "332F830E710B97CE98C8A84ABD0B948114AD176E008D33BD60F982B1FF37C8559797A06EF4F0EF61C186324E2B3506383606907B6A7C02B0F9F6157B53C867E4"
            + "B9166C767B804D46A59B5216CDE7A4E99040C5A40433225EE282A1B0A06C523EAF4534D7F83FA1155B0047718CBC546A0D072B04B3564EEA1B422273F548271A"
            + "0BB2316053FA76991955EBD63159434ECEBB4E466DAE5A1073A6727627097A1049E617D91D361094FA68F0FF77987130305BEABA2EDA04DF997B714D6C6F2C29"
            + "A6AD5CB4022B02709BEEAD9D67890CBB22392336FEA1851F38");
        var associated = Convert.FromHexString("F33388860000000000004E91");
        var plaintext = new byte[sealedText.Length - 16];

        Assert.True(Sodium.TryOpen(key, 0x0807060504030201, sealedText, associated, plaintext));
        Assert.StartsWith("Internet-Drafts are draft documents", Encoding.UTF8.GetString(plaintext), StringComparison.Ordinal);

        sealedText[0] ^= 1;
        Assert.False(Sodium.TryOpen(key, 0x0807060504030201, sealedText, associated, plaintext));
    }

    [Fact]
    public void SealExtended_DraftXChaChaAppendixA31_IsTheVector()
    {
        byte[] key = [.. Enumerable.Range(0x80, 32).Select(i => (byte)i)];
        byte[] nonce = [.. Enumerable.Range(0x40, 24).Select(i => (byte)i)];
        var plaintext = Encoding.ASCII.GetBytes(
            "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.");
        var associated = Convert.FromHexString("50515253C0C1C2C3C4C5C6C7");
        var sealedText = new byte[plaintext.Length + 16];

        Sodium.SealExtended(key, nonce, plaintext, associated, sealedText);

        Assert.StartsWith("BD6D179D3E83D43B9576579493C0E939572A1700252BFACCBED2902C21396CBB", Convert.ToHexString(sealedText), StringComparison.Ordinal);
        Assert.EndsWith("C0875924C1C7987947DEAFD8780ACF49", Convert.ToHexString(sealedText), StringComparison.Ordinal);
    }

    [Fact]
    public void Timestamp_Whitened_RisesInStepsOf16Milliseconds()
    {
        var instant = new DateTimeOffset(2026, 1, 5, 12, 0, 0, TimeSpan.Zero);
        var first = new byte[Tai64n.Size];
        var second = new byte[Tai64n.Size];
        Tai64n.Write(instant, first);
        Tai64n.Write(instant.AddMilliseconds(16), second);
        Assert.False(Tai64n.IsAfter(second, first));

        Tai64n.Write(instant.AddMilliseconds(17), second);
        Assert.True(Tai64n.IsAfter(second, first));

        // Incremented past a second's end the label still rises.
        for (var i = 0; i < 100; i++)
        {
            first.CopyTo(second, 0);
            Tai64n.Increment(first);
            Assert.True(Tai64n.IsAfter(first, second));
        }

        // 2^62 and 10 s lead the Unix time (libtai).
        Tai64n.Write(DateTimeOffset.UnixEpoch, first);
        Assert.Equal("400000000000000A00000000", Convert.ToHexString(first));
    }
}
