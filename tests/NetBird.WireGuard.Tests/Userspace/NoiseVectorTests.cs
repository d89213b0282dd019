using NetBird.WireGuard.Userspace.Noise;

namespace NetBird.WireGuard.Tests.Userspace;

/// <summary>
/// The published vector of Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (cacophony, vectors/cacophony.txt, which Noise implementations share):
/// a whole handshake and four transport messages, by the same state that carries WireGuard's.
/// </summary>
public sealed class NoiseVectorTests
{
    private static readonly byte[] Prologue = Hex("4a6f686e2047616c74");
    private static readonly byte[] PresharedKey = Hex("54686973206973206d7920417573747269616e20706572737065637469766521");
    private static readonly byte[] InitiatorStatic = Hex("e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1");
    private static readonly byte[] InitiatorEphemeral = Hex("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a");
    private static readonly byte[] ResponderStatic = Hex("4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893");
    private static readonly byte[] ResponderEphemeral = Hex("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b");

    private static readonly (string Payload, string Message)[] Messages =
    [
        ("4c756477696720766f6e204d69736573", "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944001e21de9f98ddd8e2ad57527207feb56253c9c94a9e496782ecfcb2a75fbcaf1b52948cc48daefe660c62119ab5000980c84831215f2441eba616548e832985464cf17e51ee93109008399a21f7e13f"),
        ("4d757272617920526f746862617264", "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843cb765f2caef0751b8f007572dab0322217755c0632f365717edbf34d33e87a"),
        ("462e20412e20486179656b", "8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7"),
        ("4361726c204d656e676572", "07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef"),
        ("4a65616e2d426170746973746520536179", "6ab1467c0448cc78394494abaaf23afce0e234315d6e2624dcbfa8a21c1c4d073d"),
        ("457567656e2042f6686d20766f6e2042617765726b", "dfc346c0d2296ae6cf1acf6f12b8456a1dba228cf8d8b774aacf1c47fc53aa80ebc7a4c292"),
    ];

    [Fact]
    public void Handshake_PublishedVector_IsMadeByteForByte()
    {
        using var initiator = Begin();
        using var responder = Begin();
        var responderPublic = PublicOf(ResponderStatic);

        // -> e, es, s, ss
        var ephemeral = PublicOf(InitiatorEphemeral);
        initiator.MixEphemeral(ephemeral);
        initiator.MixKey(Agree(InitiatorEphemeral, responderPublic));
        var sealedStatic = Seal(initiator, PublicOf(InitiatorStatic));
        initiator.MixKey(Agree(InitiatorStatic, responderPublic));
        Assert.Equal(Messages[0].Message, Text(ephemeral, sealedStatic, Seal(initiator, Hex(Messages[0].Payload))));

        var first = Hex(Messages[0].Message);
        responder.MixEphemeral(first.AsSpan(0, 32));
        responder.MixKey(Agree(ResponderStatic, first[..32]));
        var theirStatic = new byte[32];
        Assert.True(responder.TryOpen(first.AsSpan(32, 48), theirStatic));
        Assert.Equal(PublicOf(InitiatorStatic), theirStatic);
        responder.MixKey(Agree(ResponderStatic, theirStatic));
        var payload = new byte[first.Length - 80 - Sodium.TagSize];
        Assert.True(responder.TryOpen(first.AsSpan(80), payload));
        Assert.Equal(Messages[0].Payload, Text(payload));

        // <- e, ee, se, psk
        ephemeral = PublicOf(ResponderEphemeral);
        responder.MixEphemeral(ephemeral);
        responder.MixSecret(Agree(ResponderEphemeral, first[..32]));
        responder.MixSecret(Agree(ResponderEphemeral, theirStatic));
        responder.MixPresharedKey(PresharedKey);
        Assert.Equal(Messages[1].Message, Text(ephemeral, Seal(responder, Hex(Messages[1].Payload))));

        var (sends, answers) = (new byte[32], new byte[32]);
        responder.Split(sends, answers);
        for (var i = 2; i < Messages.Length; i++)
        {
            var plain = Hex(Messages[i].Payload);
            var message = new byte[plain.Length + Sodium.TagSize];
            Sodium.Seal(i % 2 == 0 ? sends : answers, (ulong)((i - 2) / 2), plain, default, message);
            Assert.Equal(Messages[i].Message, Text(message));
        }
    }

    private static SymmetricState Begin()
    {
        var hash = new byte[Blake2s.HashSize];
        Blake2s.Hash(StaticIdentity.InitialChainingKey, Prologue, hash);
        Blake2s.Hash(hash, PublicOf(ResponderStatic), hash);
        return new SymmetricState(hash);
    }

    private static byte[] Seal(SymmetricState state, byte[] plain)
    {
        var text = new byte[plain.Length + Sodium.TagSize];
        state.Seal(plain, text);
        return text;
    }

    private static byte[] Agree(byte[] scalar, byte[] point)
    {
        var secret = new byte[32];
        Assert.True(Sodium.TryScalarMultiply(scalar, point, secret));
        return secret;
    }

    private static byte[] PublicOf(byte[] scalar)
    {
        var point = new byte[32];
        Sodium.ScalarMultiplyBase(scalar, point);
        return point;
    }

    private static byte[] Hex(string text) => Convert.FromHexString(text);

    private static string Text(params byte[][] parts) => string.Concat(parts.Select(Convert.ToHexStringLower));
}
