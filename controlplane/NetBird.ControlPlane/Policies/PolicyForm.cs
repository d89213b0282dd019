using NetBird.ControlPlane.Forms;

namespace NetBird.ControlPlane.Policies;

/// <summary>Reads a policy.</summary>
internal static class PolicyForm
{
    /// <param name="form">What was sent.</param>
    /// <param name="references">What it may name.</param>
    /// <param name="basis">Values of fields that were not sent; an empty name makes the name required.</param>
    public static PolicyRecord Read(Form form, References references, PolicyRecord basis)
    {
        form.Ignore("id", "created_at", "updated_at");
        var policy = basis with
        {
            Name = form.Name("name", basis.Name.Length == 0 ? null : basis.Name),
            Description = form.Text("description", basis.Description, maxLength: 1024),
            Enabled = form.Flag("enabled", basis.Enabled),
            SourceGroups = [.. form.List("source_groups", references.Group, text => $"There is no group {references.By} '{text}'.")
                ?? [.. basis.SourceGroups]],
            Providers = [.. form.List(
                "destination_provider_ids", references.Provider, text => $"There is no provider {references.By} '{text}'.")
                ?? [.. basis.Providers]],
            Guardrails = [.. (form.List(
                "guardrail_ids", references.Guardrail, text => $"There is no guardrail {references.By} '{text}'.")
                ?? basis.Guardrails).Distinct()],
            Limits = LimitsForm.Read(form, basis.Limits),
            AllowBatches = form.Flag("allow_batches", basis.AllowBatches),
        };
        form.RefuseUnknown();
        if (references.Draft.Policies.All.Any(other => other.Id != policy.Id && Names.Same(other.Name, policy.Name)))
        {
            form.Fail("name", "Another policy has this name.");
        }

        return policy;
    }
}
