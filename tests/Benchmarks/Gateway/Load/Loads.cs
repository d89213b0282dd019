using System.Text;

namespace Benchmarks.Gateway.Load;

/// <summary>One kind of request, and the port of the upstream that answers it.</summary>
internal sealed record Kind(string Key, string Name, int UpstreamPort, string Body);

/// <summary>The three that the gateway is measured by.</summary>
internal static class Loads
{
    public static IReadOnlyList<Kind> Of(int small, int streams, int plain) =>
    [
        new("2k", "2 KB request, 2 KB answer", small, Body(2_048, stream: false)),
        new("stream", "48 KB request, stream of 200 events, each sent apart", streams, Body(48 * 1024, stream: true)),
        new("4m", "4 MB request, 2 KB answer", plain, Body(4 * 1024 * 1024, stream: false)),
    ];

    /// <summary>As Claude Code's: a few long texts and a dozen tools with schemas.</summary>
    private static string Body(int bytes, bool stream)
    {
        var text = new StringBuilder();
        text.Append($$"""{"model":"claude-opus-5-5","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"max_tokens":128000,"stream":{{(stream ? "true" : "false")}},"tools":[""");
        const string Tool = """{"name":"Bash","description":"Runs a command and returns what it printed. Use it for anything that needs a shell, \"quoted\" or not.\nMind the directory.","input_schema":{"type":"object","properties":{"command":{"type":"string","description":"The command"},"timeout":{"type":"number","description":"In milliseconds"}},"required":["command"]}},""";
        for (var tools = 0; tools < 12 && text.Length + 600 < bytes; tools++)
        {
            text.Append(Tool);
        }

        if (text[^1] == ',')
        {
            text.Length--;
        }

        text.Append("],\"system\":[{\"type\":\"text\",\"text\":\"");
        while (text.Length < bytes - 20)
        {
            text.Append("You are careful and brief.\\n");
        }

        return text.Append("\"}]}").ToString();
    }
}
