using System.Text.Json;
using CsCheck;
using NetBird.Agent.ClaudeCode;

namespace NetBird.Agent.Tests;

public sealed class JsonTextTests
{
    private const string Commented =
        """
        {
          // who pays
          "model": "opus", /* kept */
          "env": {
            "A": "1"
          },
          "permissions": { "allow": ["Bash(ls)"] }
        }
        """;

    [Fact]
    public void Set_NewValueInAnObject_LeavesEveryOtherCharacter()
    {
        var changed = JsonText.Set(Commented, "\"http://x\"", "env", "B");

        Assert.Equal(Commented.Replace("\"A\": \"1\"\n", "\"A\": \"1\",\n    \"B\": \"http://x\"\n", StringComparison.Ordinal), changed);
    }

    [Fact]
    public void Set_ExistingValue_ReplacesItAlone()
        => Assert.Equal(Commented.Replace("\"opus\"", "\"sonnet\"", StringComparison.Ordinal), JsonText.Set(Commented, "\"sonnet\"", "model"));

    [Theory]
    [InlineData("{}", "{\n  \"env\": {\n    \"A\": 1\n  }\n}")]
    [InlineData("{\n}\n", "{\n  \"env\": {\n    \"A\": 1\n  }\n}\n")]
    [InlineData("{ \"x\": 1 }", "{ \"x\": 1, \"env\": {\n    \"A\": 1\n  } }")]
    [InlineData("{\n  \"x\": 1, // last\n}", "{\n  \"x\": 1,\n  \"env\": {\n    \"A\": 1\n  }, // last\n}")]
    public void Set_MissingObjects_AreMade(string before, string after) => Assert.Equal(after, JsonText.Set(before, "1", "env", "A"));

    [Theory]
    [InlineData("model")]
    [InlineData("permissions")]
    [InlineData("env")]
    public void Remove_AnyProperty_LeavesValidJsonWithTheRest(string name)
    {
        var changed = JsonText.Remove(Commented, name);

        Assert.Null(JsonText.Get(changed, name));
        Assert.Contains("// who pays", changed, StringComparison.Ordinal);
    }

    [Fact]
    public void Remove_WhatWasSet_RestoresTheText()
        => Assert.Equal(Commented, JsonText.Remove(JsonText.Set(JsonText.Set(Commented, "1", "z"), "2", "y"), "y") is var one ? JsonText.Remove(one, "z") : "");

    [Fact]
    public void SetThenRemove_AnyObject_KeepsEveryOtherValue()
        => Gen.Dictionary(Gen.String[Gen.Char.AlphaNumeric, 1, 6], Gen.Int).Select(Gen.Bool).Sample((values, indented) =>
        {
            var text = JsonSerializer.Serialize(values, new JsonSerializerOptions { WriteIndented = indented });

            var set = JsonText.Set(text, "\"v\"", "env$", "inner");
            var removed = JsonText.Remove(set, "env$");

            Assert.Equal("\"v\"", JsonText.Get(set, "env$", "inner"));
            Assert.Equal(values, JsonSerializer.Deserialize<Dictionary<string, int>>(removed));
        });
}
