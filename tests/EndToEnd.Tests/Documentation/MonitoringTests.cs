using System.Text.Json;
using System.Text.RegularExpressions;

namespace EndToEnd.Tests.Documentation;

/// <summary>The dashboard and the alerts in installers/monitoring, against what a running control plane measures.</summary>
public sealed partial class MonitoringTests
{
    private static string Folder => Path.Combine(Checkout.Root, "installers/monitoring");

    [Fact]
    public async Task Metrics_OfTheDashboardAndTheAlertsAreAllThere()
    {
        await using var world = await World.StartAsync("""
            guardrails:
              - { name: Haiku, checks: { model_allowlist: { enabled: true, models: ["claude-haiku-*"] } } }
              - { name: Opus, checks: { model_allowlist: { enabled: true, models: ["claude-opus-*"] } } }
            policies:
              - { name: Haiku, enabled: true, source_groups: [Engineering], destination_provider_ids: [Anthropic], guardrail_ids: [Haiku] }
              - name: Opus
                enabled: true
                source_groups: [Engineering]
                destination_provider_ids: [Anthropic]
                guardrail_ids: [Opus]
                limits:
                  budget_limit: { enabled: true, user_cap_usd: 0.000001, window_seconds: 86400, strict: true }
            """);

        // One that is answered, one without usage, one that a cap refuses, one that its caller leaves.
        using (var answered = await world.MessageAsync("hi", "claude-haiku-4-5", stream: true))
        {
            Assert.Equal(200, (int)answered.StatusCode);
            await answered.Content.ReadAsStringAsync();
        }

        using (var untold = await world.MessageAsync("[[scenario:no-usage]]", "claude-haiku-4-5"))
        {
            Assert.Equal(200, (int)untold.StatusCode);
        }

        using (var refused = await world.MessageAsync("hi", "claude-opus-4-8"))
        {
            Assert.Equal(429, (int)refused.StatusCode);
        }

        using (var left = await world.MessageAsync("[[scenario:drip:8]]", "claude-haiku-4-5", stream: true))
        {
            await using var body = await left.Content.ReadAsStreamAsync();
            Assert.True(await body.ReadAsync(new byte[64]) > 0);
        }

        var named = Directory.GetFiles(Folder).SelectMany(file => Metric().Matches(File.ReadAllText(file)).Select(match => match.Value)).ToHashSet();
        Assert.Contains("netbird_gateway_cost_total", named);
        IEnumerable<string> missing = named;
        for (var i = 0; missing.Any() && i < 60; i++)
        {
            await Task.Delay(250);
            var measured = await world.Admin.GetStringAsync("/metrics");
            missing = named.Where(name => !Regex.IsMatch(measured, $@"(?m)^{name}[{{ ]")).ToList();
        }

        Assert.Empty(missing);
        Assert.Contains("""reason="LimitReached""", await world.Admin.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public void Dashboard_IsWhatGrafanaImports()
    {
        using var dashboard = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "grafana-dashboard.json")));

        var panels = dashboard.RootElement.GetProperty("panels").EnumerateArray().ToList();
        Assert.Equal(panels.Count, panels.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
        Assert.All(panels, panel =>
        {
            var place = panel.GetProperty("gridPos");
            Assert.InRange(place.GetProperty("x").GetInt32() + place.GetProperty("w").GetInt32(), 1, 24);
            Assert.NotEmpty(panel.GetProperty("targets").EnumerateArray());
        });
    }

    [SkippableFact]
    public async Task Alerts_AndEveryQueryAreTakenByPrometheusItself()
    {
        Skip.IfNot(File.Exists("/usr/bin/promtool"), "promtool (Debian: prometheus) is not installed.");
        var scratch = Directory.CreateTempSubdirectory("netbird-monitoring-");
        try
        {
            // promtool looks for the token beside the configuration.
            foreach (var file in Directory.GetFiles(Folder))
            {
                File.Copy(file, Path.Combine(scratch.FullName, Path.GetFileName(file)));
            }

            await File.WriteAllTextAsync(Path.Combine(scratch.FullName, "prometheus.token"), "nbp_x");
            using var dashboard = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Folder, "grafana-dashboard.json")));
            var queries = dashboard.RootElement.GetProperty("panels").EnumerateArray()
                .SelectMany(panel => panel.GetProperty("targets").EnumerateArray())
                .Select((target, n) => $"  - {{ record: 'panel:{n}', expr: '{target.GetProperty("expr").GetString()!.Replace("$__rate_interval", "5m", StringComparison.Ordinal)}' }}");
            await File.WriteAllTextAsync(Path.Combine(scratch.FullName, "panels.yaml"), "groups:\n- name: panels\n  rules:\n" + string.Join('\n', queries));

            var configuration = await Command.RunAsync("promtool", ["check", "config", "prometheus.yaml"], folder: scratch.FullName);
            var panels = await Command.RunAsync("promtool", ["check", "rules", "panels.yaml"], folder: scratch.FullName);

            Assert.True(configuration.ExitCode == 0, configuration.ToString());
            Assert.Contains("9 rules found", configuration.Output, StringComparison.Ordinal);
            Assert.True(panels.ExitCode == 0, panels.ToString());
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    [GeneratedRegex(@"\b(?:netbird_(?:gateway|limit|state)|gen_ai_(?:client|server)|dotnet|kestrel)_[a-z_]*_(?:total|bucket|count|sum|requests|connections|bytes)\b")]
    private static partial Regex Metric();
}
