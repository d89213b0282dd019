using System.Text;
using System.Text.Json;
using CsCheck;
using NetBird.Gateway.Inspection;
using NetBird.Policy;

namespace NetBird.Gateway.Tests.Inspection;

public sealed class MessageFactsTests
{
    [Fact]
    public void Body_OfClaudeCodesShape_IsRead()
    {
        var read = Read("""
            {"model":"claude-opus-5-5","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]},{"role":"system","content":"x","output_config":{"effort":"low"}}],
             "system":[{"type":"text","text":"billing"},{"type":"text","text":"y","cache_control":{"type":"ephemeral"}}],
             "tools":[{"name":"Bash","input_schema":{"type":"object","properties":{"model":{"type":"string"},"stream":{"type":"boolean"}}}}],
             "metadata":{"user_id":"{\"device_id\":\"d\"}"},"max_tokens":128000,"thinking":{"type":"adaptive"},"stream":true}
            """, out var facts);

        Assert.True(read);
        Assert.Equal(("claude-opus-5-5", true, 128_000L, false, false, false),
            (facts.Model, facts.Stream, facts.MaxTokens, facts.Fast, facts.CacheWrite1h, facts.UnboundedInput));
    }

    [Theory]
    [InlineData("""{"model":"m","system":[{"cache_control":{"type":"ephemeral","ttl":"1h"}}]}""", true)]
    [InlineData("""{"model":"m","system":[{"cache_control":{"type":"ephemeral","tt\u006c":"\u0031h"}}]}""", true)]
    [InlineData("""{"model":"m","system":[{"cache_control":{"type":"ephemeral","ttl":"1d"}}]}""", true)]
    [InlineData("""{"model":"m","system":[{"cache_control":{"type":"ephemeral","ttl":"5m"}}]}""", false)]
    [InlineData("""{"model":"m","system":[{"cache_control":{"type":"ephemeral"}}],"x":"\"ttl\":\"1h\""}""", false)]
    public void OneHourCache_IsSeen(string body, bool seen)
    {
        Assert.True(Read(body, out var facts));
        Assert.Equal(seen, facts.CacheWrite1h);
    }

    [Theory]
    [InlineData("""{"model":"m","messages":[{"content":[{"type":"image","source":{"type":"base64","data":"eA=="}}]}]}""", true)]
    [InlineData("""{"model":"m","messages":[{"content":[{"type":"im\u0061ge","source":{}}]}]}""", true)]
    [InlineData("""{"model":"m","messages":[{"content":[{"type":"document","source":{"type":"url","url":"x"}}]}]}""", true)]
    [InlineData("""{"model":"m","messages":[{"content":[{"source":{"file_id":"f"}}]}]}""", true)]
    [InlineData("""{"model":"m","tools":[{"type":"web_search_20250305","name":"web_search"}]}""", true)]
    [InlineData("""{"model":"m","mcp_servers":[]}""", true)]
    [InlineData("""{"model":"m","tools":[{"type":"code_execution_20250825","name":"code_execution"}]}""", true)]
    [InlineData("""{"model":"m","tools":[{"type":"advisor_20260301","name":"advisor"}]}""", true)]
    [InlineData("""{"model":"m","context_management":{"edits":[{"type":"compact_20260112"}]}}""", true)]
    [InlineData("""{"model":"m","messages":[{"content":[{"type":"container_upload","file_id":"f"}]}]}""", true)]
    [InlineData("""{"model":"m","messages":[{"content":[{"type":"text","text":"image"}]}],"tools":[{"name":"x","input_schema":{"type":"object"}}]}""", false)]
    public void InputBeyondTheBody_IsSeen(string body, bool seen)
    {
        Assert.True(Read(body, out var facts));
        Assert.Equal(seen, facts.UnboundedInput);
    }

    [Theory]
    [InlineData("""{"model":"m","tools":[{"name":"x"},{"type":"web_search_20250305","name":"web_search","max_uses":3}]}""", true)]
    [InlineData("""{"model":"m","to\u006fls":[{"typ\u0065":"web\u005fsearch_20250305"}]}""", true)]
    [InlineData("""{"model":"m","tools":[{"type":"code_execution_20250825","name":"code_execution"}]}""", true)]
    [InlineData("""{"model":"m","tools":[{"type":"mcp_toolset","mcp_server_name":"a"}]}""", true)]
    [InlineData("""{"model":"m","mcp_servers":[{"type":"url","url":"https://a"}]}""", true)]
    [InlineData("""{"model":"m","tools":[{"type":"bash_20250124","name":"bash"},{"type":"custom","name":"x"},{"type":"text_editor_20250728"},{"type":"memory_20250818"},{"type":"computer_20251124"},{"type":"browser_toolset_20260801"},{"type":null}]}""", false)]
    [InlineData("""{"model":"m","tools":[{"type":"tool_search_tool_regex_20251119"}]}""", true)]
    [InlineData("""{"model":"m","tools":[{"type":"something_new_20270101","name":"x"}]}""", true)]
    [InlineData("""{"model":"m","context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}}""", false)]
    [InlineData("""{"model":"m","context_management":{"edits":[{"type":"compact_20260112"}]}}""", true)]
    [InlineData("""{"model":"m","messages":[{"role":"system","content":[{"type":"tool_addition","tool":{"type":"tool_definition","definition":{"type":"web_search_20260209","name":"web_search"}}}]}]}""", true)]
    [InlineData("""{"model":"m","messages":[{"role":"system","content":[{"tool":{"definition":{"name":"x","type":"custom","input_schema":{"type":"object","model":1}},"type":"tool_definition"}}]}]}""", false)]
    [InlineData("""{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"tool":{"definition":{"type":"web_search_1"}},"definition":{"type":"x","model":7}}}]}]}""", false)]
    [InlineData("""{"model":"m","tools":[{"name":"x","input_schema":{"properties":{"a":{"type":"web_search_20250305"}}}}]}""", false)]
    [InlineData("""{"model":"m","tools":[],"messages":[{"content":[{"type":"web_search_tool_result","content":[]}]}]}""", false)]
    public void ToolsThatTheProviderRuns_AreSeen(string body, bool seen)
    {
        Assert.True(Read(body, out var facts));
        Assert.Equal(seen, facts.ProviderTools);
    }

    [Theory]
    [InlineData("""{"model":"m","tools":[{"name":"x"}]}""", true)]
    [InlineData("""{"model":"m","output_config":{"format":{"type":"json_schema"}}}""", true)]
    [InlineData("""{"model":"m","container":{"skills":[]}}""", true)]
    [InlineData("""{"model":"m","to\u006fls":[{"name":"x"}]}""", true)]
    [InlineData("""{"model":"m","messages":[{"content":[{"type":"text","text":"tools","tools":1}]}]}""", false)]
    public void WordsTheProviderAdds_AreExpected(string body, bool seen)
    {
        Assert.True(Read(body, out var facts));
        Assert.Equal(seen, facts.AddedPrompt);
    }

    [Theory]
    [InlineData("""{"model":"m","fallbacks":[{"model":"a"},{"mod\u0065l":"b","max_tokens":9}],"max_tokens":5}""", "a,b", false, 9L)]
    [InlineData("""{"model":"m","max_tokens":10,"fallbacks":[{"model":"a","max_tokens":9}]}""", "a", false, 10L)]
    [InlineData("""{"model":"m","fallbacks":"default","max_tokens":5}""", "", true, 5L)]
    [InlineData("""{"model":"m","fallbacks":null,"max_tokens":5}""", "", false, 5L)]
    [InlineData("""{"model":"m","tools":[{"type":"advisor_20260301","model":"a","max_tokens":2048},{"name":"x","input_schema":{"properties":{"model":{"type":"string"}}}}],"max_tokens":5}""", "a", false, 2048L)]
    [InlineData("""{"model":"m","messages":[{"role":"system","content":[{"type":"tool_addition","tool":{"type":"tool_definition","definition":{"type":"advisor_20260301","model":"a"}}}]}],"max_tokens":5}""", "a", false, 5L)]
    [InlineData("""{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"model":"z","fallbacks":[{"model":"z"}]}}]}],"max_tokens":5}""", "", false, 5L)]
    public void OtherModels_AreSeen(string body, string models, bool any, long maxTokens)
    {
        Assert.True(Read(body, out var facts));
        Assert.Equal((models, any, maxTokens), (string.Join(',', facts.OtherModels.IsDefault ? [] : facts.OtherModels), facts.AnyFallback, facts.MaxTokens));
    }

    [Theory]
    [InlineData("""{"model":"m","fallbacks":[{"model":7}]}""")]
    [InlineData("""{"model":"m","fallbacks":[{"model":""}]}""")]
    [InlineData("""{"model":"m","fallbacks":[{"model":"1"},{"model":"2"},{"model":"3"},{"model":"4"},{"model":"5"},{"model":"6"},{"model":"7"},{"model":"8"},{"model":"9"}]}""")]
    public void OtherModels_ThatCannotBeRead_AreRefused(string body) => Assert.False(Read(body, out _));

    [Theory]
    [InlineData("""{"model":"m","fallbacks":[{"model":"a","speed":"fast"}]}""", true, false)]
    [InlineData("""{"model":"m","thread":{"type":"continue","previous_message_id":"msg_1"}}""", false, true)]
    [InlineData("""{"model":"m","thread":null,"fallbacks":[{"model":"a","speed":"standard"}]}""", false, false)]
    public void SpeedOfAFallback_AndAConversationTheProviderHolds_AreSeen(string body, bool fast, bool unbounded)
    {
        Assert.True(Read(body, out var facts));
        Assert.Equal((fast, unbounded), (facts.Fast, facts.UnboundedInput));
    }

    /// <summary>Whatever passes reads the same by another parser, and that one finds each deciding field once.</summary>
    [Fact]
    public void Body_ThatPasses_MeansTheSameToAnotherParser()
    {
        var piece = Fuzzing.OneOf(
            "{", "}", "[", "]", ",", ":", "\"model\"", "\"claude-x\"", "\"stream\"", "true", "false", "null", "\"max_tokens\"", "12", "-1", "1e2", "\"mod\\u0065l\"",
            "\"speed\"", "\"fast\"", "\"type\"", "\"ttl\"", "\"1h\"", " ", "\\", "\"", "\u00fc", "{\"model\":\"claude-x\",", "\"stream\":true,", "\"max_tokens\":5}", "\"x\":{\"model\":1},", "\"x\":1}");
        piece.List[1, 14].Sample(
            pieces =>
            {
                var body = string.Concat(pieces);
                if (!Read(body, out var facts) || facts.Model is null)
                {
                    return;
                }

                using var document = JsonDocument.Parse(body);
                var root = document.RootElement;
                Assert.Equal(root.GetProperty("model").GetString(), facts.Model);
                Assert.Equal(root.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.True, facts.Stream);
                Assert.Equal(root.TryGetProperty("max_tokens", out var max) && max.ValueKind == JsonValueKind.Number ? max.GetInt64() : null, facts.MaxTokens);
                foreach (var name in (string[])["model", "stream", "max_tokens", "speed"])
                {
                    Assert.True(root.EnumerateObject().Count(p => p.Name == name) <= 1);
                }
            },
            iter: Fuzzing.Iterations(20_000));
    }

    [Fact]
    public void AnyBytes_NeverThrow()
        => Gen.Byte.Array[0, 200].Sample(bytes => { MessageFacts.TryRead(bytes, out _, out _); }, iter: Fuzzing.Iterations(20_000));

    [Theory]
    [InlineData("POST", "/v1/messages?beta=true", RequestKind.Messages)]
    [InlineData("POST", "/v1/messages/count_tokens?x", RequestKind.CountTokens)]
    [InlineData("GET", "/v1/models", RequestKind.Models)]
    [InlineData("GET", "/v1/models/claude-3@2026", RequestKind.Models)]
    [InlineData("GET", "/v1/models/", RequestKind.Other)]
    [InlineData("GET", "/v1/models/a/b", RequestKind.Other)]
    [InlineData("POST", "/v1/messages/batches", RequestKind.Batches)]
    [InlineData("POST", "/v1/messages/batches/b1/cancel", RequestKind.Batches)]
    [InlineData("GET", "/v1/messages/batches/../x", RequestKind.Other)]
    [InlineData("POST", "http://x/v1/messages", RequestKind.Other)]
    [InlineData("POST", "*", RequestKind.Other)]
    public void Target_IsOneCall_OrNone(string method, string target, RequestKind kind)
        => Assert.Equal(kind, RequestRoute.KindOf(method, target));

    private static bool Read(string body, out MessageFacts facts)
        => MessageFacts.TryRead(Encoding.UTF8.GetBytes(body), out facts, out _);
}
