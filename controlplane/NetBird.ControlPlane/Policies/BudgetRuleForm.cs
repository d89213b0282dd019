using NetBird.ControlPlane.Forms;

namespace NetBird.ControlPlane.Policies;

/// <summary>Reads a budget rule.</summary>
internal static class BudgetRuleForm
{
    /// <inheritdoc cref="PolicyForm.Read"/>
    public static BudgetRuleRecord Read(Form form, References references, BudgetRuleRecord basis)
    {
        form.Ignore("id", "created_at", "updated_at");
        var rule = basis with
        {
            Name = form.Name("name", basis.Name.Length == 0 ? null : basis.Name),
            Enabled = form.Flag("enabled", basis.Enabled),
            TargetGroups = [.. form.List("target_groups", references.Group, text => $"There is no group {references.By} '{text}'.")
                ?? [.. basis.TargetGroups]],
            TargetUsers = [.. form.List("target_users", references.User, text => $"There is no person {references.By} '{text}'.")
                ?? [.. basis.TargetUsers]],
            Limits = LimitsForm.Read(form, basis.Limits),
        };
        form.RefuseUnknown();
        if (references.Draft.BudgetRules.All.Any(other => other.Id != rule.Id && Names.Same(other.Name, rule.Name)))
        {
            form.Fail("name", "Another budget rule has this name.");
        }

        return rule;
    }
}
