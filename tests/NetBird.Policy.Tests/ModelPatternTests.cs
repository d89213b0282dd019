using System.Text.RegularExpressions;
using CsCheck;

namespace NetBird.Policy.Tests;

public sealed class ModelPatternTests
{
    [Fact]
    public void Matches_AnyPatternAndModel_AgreesWithARegularExpression()
        => Gen.Select(Gen.String[Gen.Char["ab-*"], 0, 8], Gen.String[Gen.Char["ab-"], 0, 10]).Sample(
            (pattern, model) =>
            {
                var expected = Regex.IsMatch(
                    model, "^" + string.Join(".*", pattern.Split('*').Select(Regex.Escape)) + "\\z", RegexOptions.Singleline);
                return ModelPattern.Matches(pattern, model) == expected;
            },
            iter: 20_000);
}
