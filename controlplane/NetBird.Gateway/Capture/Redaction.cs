using System.Text.RegularExpressions;

namespace NetBird.Gateway.Capture;

/// <summary>
/// Takes personal data and secrets out of text by their form: e-mail addresses, telephone numbers, payment cards (Luhn), IBANs (ISO 13616,
/// mod 97), US social security numbers, keys and tokens of known form, private keys, values called a password. Names and addresses
/// of people have no form and stay. Every pattern runs in linear time, whatever the text.
/// </summary>
internal static class Redaction
{
    private const RegexOptions Linear = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant;

    // The order matters: what is longest and surest goes first.
    private static readonly (Regex Form, string Word, Func<string, bool> Is)[] Forms =
    [
        (new(@"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]*(-----END [A-Z ]{0,30}PRIVATE KEY-----)?", Linear), "[private key]", Any),
        (new(@"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*", Linear), "[token]", Any),
        (new(@"\b(sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[a-z]-[A-Za-z0-9-]{10,}"
            + @"|(AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|nb[ps]_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{30,})", Linear), "[secret]", Any),
        (new(@"(?i:\b(password|passwd|pwd|secret|api[_-]?key|access[_-]?token|authorization)\b)[""']?\s{0,3}[:=]\s{0,3}(?i:(bearer|basic|token)\s)?[""']?[^\s""',;}]{4,}", Linear), "[secret]", Any),
        (new(@"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}", Linear), "[email]", Any),
        (new(@"\b[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,3})?\b", Linear), "[iban]", IsIban),
        (new(@"\b[0-9]([ -]?[0-9]){12,18}\b", Linear), "[card]", IsCard),
        (new(@"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", Linear), "[ssn]", Any),
        (new(@"(\+|\b00)[1-9]([ ().-]{0,2}[0-9]){7,14}\b", Linear), "[phone]", Any),
        (new(@"(\([0-9]{2,5}\) ?|\b[0-9]{3,5}[ .-])[0-9]{3,4}[ .-][0-9]{3,5}\b", Linear), "[phone]", Any),
    ];

    public static string Of(string text)
    {
        if (text.Length < 6)
        {
            return text;
        }

        foreach (var (form, word, isIt) in Forms)
        {
            text = form.Replace(text, match => isIt(match.Value) ? word : match.Value);
        }

        return text;
    }

    private static bool Any(string text) => true;

    private static bool IsCard(string text)
    {
        var (sum, twice) = (0, false);
        for (var i = text.Length - 1; i >= 0; i--)
        {
            if (char.IsAsciiDigit(text[i]))
            {
                var digit = text[i] - '0';
                sum += twice ? (digit * 2 / 10) + (digit * 2 % 10) : digit;
                twice = !twice;
            }
        }

        return sum % 10 == 0;
    }

    private static bool IsIban(string text)
    {
        var plain = text.Replace(" ", "", StringComparison.Ordinal);
        var rest = 0;
        foreach (var c in string.Concat(plain.AsSpan(4), plain.AsSpan(0, 4)))
        {
            rest = char.IsAsciiDigit(c) ? ((rest * 10) + (c - '0')) % 97 : ((rest * 100) + (c - 'A' + 10)) % 97;
        }

        return rest == 1;
    }
}
