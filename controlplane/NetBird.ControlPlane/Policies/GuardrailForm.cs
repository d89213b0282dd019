using NetBird.ControlPlane.Forms;

namespace NetBird.ControlPlane.Policies;

/// <summary>Reads a guardrail.</summary>
internal static class GuardrailForm
{
    /// <summary>Highest <c>max_tokens</c> ceiling; over what any model takes.</summary>
    private const long MaxMaxTokens = 10_000_000;

    /// <inheritdoc cref="PolicyForm.Read"/>
    public static GuardrailRecord Read(Form form, References references, GuardrailRecord basis)
    {
        form.Ignore("id", "created_at", "updated_at");
        var guardrail = basis with
        {
            Name = form.Name("name", basis.Name.Length == 0 ? null : basis.Name),
            Description = form.Text("description", basis.Description, maxLength: 1024),
        };
        if (form.Part("checks") is { } checks)
        {
            guardrail = ReadChecks(checks, guardrail);
            checks.RefuseUnknown();
        }

        form.RefuseUnknown();
        if (references.Draft.Guardrails.All.Any(other => other.Id != guardrail.Id && Names.Same(other.Name, guardrail.Name)))
        {
            form.Fail("name", "Another guardrail has this name.");
        }

        return guardrail;
    }

    // A check that is written down is made unless it says otherwise.
    private static GuardrailRecord ReadChecks(Form checks, GuardrailRecord guardrail)
    {
        if (checks.Part("model_allowlist") is { } allowlist)
        {
            guardrail = guardrail with
            {
                AllowlistEnabled = allowlist.Flag("enabled", true),
                AllowedModels = allowlist.Texts("models", maxLength: 128) ?? guardrail.AllowedModels,
            };
            allowlist.RefuseUnknown();
        }

        if (checks.Part("prompt_capture") is { } capture)
        {
            guardrail = guardrail with
            {
                CaptureEnabled = capture.Flag("enabled", true),
                CaptureRedactPii = capture.Flag("redact_pii", guardrail.CaptureRedactPii),
            };
            capture.RefuseUnknown();
        }

        if (checks.Part("max_tokens") is { } maxTokens)
        {
            guardrail = guardrail with
            {
                MaxTokensEnabled = maxTokens.Flag("enabled", true),
                MaxTokens = maxTokens.Whole("limit", guardrail.MaxTokens, 0, MaxMaxTokens),
            };
            if (guardrail is { MaxTokensEnabled: true, MaxTokens: 0 })
            {
                maxTokens.Fail("limit", $"This is a whole number from 1 to {MaxMaxTokens} while the check is enabled.");
            }

            maxTokens.RefuseUnknown();
        }

        return guardrail;
    }
}
