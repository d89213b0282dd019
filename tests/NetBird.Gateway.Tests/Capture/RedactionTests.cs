using NetBird.Gateway.Capture;

namespace NetBird.Gateway.Tests.Capture;

public sealed class RedactionTests
{
    [Theory]
    [InlineData("write to ana.b+c@mail.example.co.uk now", "write to [email] now")]
    [InlineData("card 4111 1111 1111 1111, thanks", "card [card], thanks")]
    [InlineData("card 4111-1111-1111-1111", "card [card]")]
    [InlineData("378282246310005", "[card]")]
    [InlineData("IBAN DE89 3704 0044 0532 0130 00.", "IBAN [iban].")]
    [InlineData("GB82WEST12345698765432", "[iban]")]
    [InlineData("ssn 078-05-1120", "ssn [ssn]")]
    [InlineData("call +49 30 901820 or +1 (415) 555-2671", "call [phone] or [phone]")]
    [InlineData("call (415) 555-2671 or 415-555-2671", "call [phone] or [phone]")]
    [InlineData("export ANTHROPIC_KEY=sk-ant-api03-AbCdEf0123456789xyz", "export ANTHROPIC_KEY=[secret]")]
    [InlineData("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[secret]")]
    [InlineData("AKIAIOSFODNN7EXAMPLE", "[secret]")]
    [InlineData("password: hunter2hunter2", "[secret]")]
    [InlineData("Authorization: Bearer abcdef.ghijk", "[secret]")]
    [InlineData("\"api_key\": \"0123456789\"", "\"[secret]\"")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.s5nNFwDs", "[token]")]
    [InlineData("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----\nrest", "[private key]\nrest")]
    public void PersonalDataAndSecrets_AreTakenOut(string text, string expected) => Assert.Equal(expected, Redaction.Of(text));

    [Theory]
    [InlineData("the order 4111111111111112 is no card")]
    [InlineData("DE88370400440532013000 is no IBAN")]
    [InlineData("for (var i = 0; i < 1_000_000; i++) { sum += values[i] * 0.125; }")]
    [InlineData("commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    [InlineData("2026-11-24T12:34:56.789Z at line 1234, version 10.0.401")]
    [InlineData("the password was wrong, try another one")]
    [InlineData("Größe: 12,5 cm; 你好")]
    public void PlainWords_Stay(string text) => Assert.Equal(text, Redaction.Of(text));

    [Fact]
    public void HostileText_TakesLinearTime()
    {
        foreach (var part in (string[])["1 ", "a.", "-----BEGIN ", "1-", "eyJ", "a@a.", "password ", "(((", "+1"])
        {
            var text = string.Concat(Enumerable.Repeat(part, 200_000 / part.Length));

            // Backtracking would take hours.
            Assert.NotEmpty(Redaction.Of(text));
        }
    }
}
