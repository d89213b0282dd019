using System.Text;
using CsCheck;
using NetBird.Gateway.Inspection;

namespace NetBird.Gateway.Tests.Inspection;

/// <summary>A body without the escapes of its long values means the same, whatever it is and wherever it is broken.</summary>
public sealed class LongStringsTests
{
    private static readonly string[] Words =
    [
        "\\n", "\\\"", "\\\\", "\\u0041", "\\u00e4", "\\ud83d\\ude00", "\\/", "plain words and more of them ", "é", "\\t", "x", "{", "}", ":", ",", " ",
    ];

    private static readonly Gen<string> Text = Gen.Select(
        Gen.Int[0, Words.Length - 1].Array[0, 30], Gen.Int[1, 60], (parts, times) => string.Concat(Enumerable.Repeat(string.Concat(parts.Select(i => Words[i])), times)));

    private static readonly Gen<string> Value = Gen.Int[0, 9].SelectMany(kind => kind switch
    {
        0 => Gen.Const("12"),
        1 => Gen.Const("true"),
        2 => Gen.Const("null"),
        3 => Gen.Const("\"image\""),
        4 => Gen.Const("\"im\\u0061ge\""),
        _ => Text.Select(text => $"\"{text}\""),
    });

    private static readonly Gen<string> Name = Gen.Int[0, 9].SelectMany(kind => kind switch
    {
        0 => Gen.Const("model"),
        1 => Gen.Const("mod\\u0065l"),
        2 => Gen.Const("max_tokens"),
        3 => Gen.Const("type"),
        4 => Gen.Const("t\\u0079pe"),
        5 => Gen.Const("stream"),
        6 => Gen.Const("tools"),
        7 => Gen.Const("ttl"),
        8 => Gen.Const("speed"),
        _ => Text,
    });

    private static readonly Gen<byte[]> Body = Gen.Select(
        Gen.Select(Name, Value, Gen.Bool, (name, value, inner) => inner ? $"\"messages\":[{{\"{name}\" : {value}}}]" : $"\"{name}\":{value}").Array[1, 6],
        Gen.Int[0, 3],
        Gen.Double[0, 1],
        Gen.Byte,
        (fields, damage, where, with) =>
        {
            var body = Encoding.UTF8.GetBytes("{" + string.Join(',', fields) + "}");
            var at = (int)(where * (body.Length - 1));
            switch (damage)
            {
                case 0:
                    body[at] = with;
                    break;
                case 1:
                    body = body[..at];
                    break;
                case 2:
                    body[at] = (byte)'\\';
                    break;
            }

            return body;
        });

    [Fact]
    public void Blank_AnyBody_IsReadAsBefore()
        => Body.Sample(
            body =>
            {
                var copy = new byte[body.Length];
                LongStrings.Blank(body, copy);
                return Read(body) == Read(copy);
            },
            iter: Fuzzing.Iterations(20_000));

    [Fact]
    public void TryRead_LongBodyOfManyEscapes_FindsTheSame()
    {
        var text = string.Concat(Enumerable.Repeat("You are careful and brief.\\n", 2_000));
        var body = Encoding.UTF8.GetBytes($$"""{"model":"claude-opus-5-5","system":[{"type":"text","text":"{{text}}"}],"max_tokens":5,"tools":[{"t\u0079pe":"web_search_1"}]}""");

        Assert.True(LongStrings.AreManyIn(body));
        Assert.True(MessageFacts.TryRead(body, out var facts, out _));
        Assert.Equal(("claude-opus-5-5", 5L, true, true), (facts.Model, facts.MaxTokens!.Value, facts.UnboundedInput, facts.AddedPrompt));
        body[^1] = (byte)' ';
        Assert.False(MessageFacts.TryRead(body, out _, out var problem));
        Assert.NotEmpty(problem);
    }

    private static string Read(byte[] body)
    {
        var read = MessageFacts.TryReadAsItIs(body, out var facts, out var problem);
        return read ? $"{facts.Model} {facts.Stream} {facts.MaxTokens} {facts.Fast} {facts.CacheWrite1h} {facts.UnboundedInput} {facts.AddedPrompt} {facts.ProviderTools}" : problem;
    }
}
