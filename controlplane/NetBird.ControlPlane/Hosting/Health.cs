namespace NetBird.ControlPlane.Hosting;

/// <summary>
/// Something that must work before requests are sent here. Implementations answer at once from what they know.
/// </summary>
internal interface IReadiness
{
    /// <summary>Short name, such as "tunnel".</summary>
    string Name { get; }

    /// <summary>Why not, in words for an operator; null when ready.</summary>
    string? Problem { get; }
}

/// <summary><c>/healthz</c>: the process answers. <c>/readyz</c>: every part that must work does.</summary>
internal static class Health
{
    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapGet("/healthz", () => Results.Text("ok\n"));
        app.MapGet("/readyz", (IEnumerable<IReadiness> parts) =>
        {
            var problems = parts.Select(part => (part.Name, part.Problem)).Where(part => part.Problem is not null).ToList();
            return problems.Count == 0
                ? Results.Text("ok\n")
                : Results.Text(
                    string.Concat(problems.Select(part => $"{part.Name}: {part.Problem}\n")),
                    statusCode: StatusCodes.Status503ServiceUnavailable);
        });
    }
}
