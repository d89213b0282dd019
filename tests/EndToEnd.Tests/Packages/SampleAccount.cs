using System.Globalization;

namespace EndToEnd.Tests.Packages;

/// <summary>What machines with the packages are tried with: an account on the built-in sample provider, and a request of its.</summary>
internal static class SampleAccount
{
    public const string Apply = """
        cat >/tmp/account.yaml <<'END'
        providers: [ { name: Anthropic, provider_id: sample, enabled: true } ]
        groups: [ { name: Engineering } ]
        policies:
          - { name: Engineering, enabled: true, source_groups: [Engineering], destination_provider_ids: [Anthropic] }
        END
        netbird-controlplane apply -f /tmp/account.yaml
        """;

    public static string Request(int limitSeconds) => $$"""
        curl -sS --max-time {{limitSeconds.ToString(CultureInfo.InvariantCulture)}} http://127.0.0.1:8788/v1/messages -H 'content-type: application/json' -H 'anthropic-version: 2023-06-01' \
          -d '{"model":"claude-haiku-4-5","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}'
        """;
}
