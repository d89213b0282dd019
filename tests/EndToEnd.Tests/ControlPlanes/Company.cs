using FakeAnthropic;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>What every test here has in front of it: a provider with a key, a group, a policy and a person, Ana.</summary>
internal static class Company
{
    public const string Ana = "ana@example.com";
    public const string Password = "correct horse battery";

    /// <param name="node">Management.</param>
    /// <param name="upstream">The provider.</param>
    /// <param name="groups">Which the policy lets through; Ana is in the first.</param>
    public static async Task FoundAsync(Node node, FakeUpstream upstream, params string[] groups)
    {
        await ApplyAsync(node, upstream, groups);
        await node.DoneAsync(["user", "create", Ana, "--name", "Ana", "--group", groups[0], "--password-stdin"], Password);
    }

    public static Task ApplyAsync(Node node, FakeUpstream upstream, params string[] groups)
        => node.ApplyAsync(
            $$"""
            providers:
              - { name: Anthropic, provider_id: anthropic_api, upstream_url: "{{upstream.Url.ToString().TrimEnd('/')}}", api_key_env: COMPANY_KEY, enabled: true }
            groups:
              {{string.Join("\n  ", groups.Select(group => $"- {{ name: {group} }}"))}}
            guardrails:
              - { name: Current models, checks: { model_allowlist: { enabled: true, models: ["claude-haiku-*", "claude-opus-*"] } } }
            policies:
              - name: Claude Code
                enabled: true
                source_groups: [{{string.Join(", ", groups)}}]
                destination_provider_ids: [Anthropic]
                guardrail_ids: [Current models]
                limits:
                  budget_limit: { enabled: true, group_cap_usd: 1000, user_cap_usd: 100, window_seconds: 2592000 }
            """,
            new Dictionary<string, string?> { ["COMPANY_KEY"] = upstream.Key });
}
