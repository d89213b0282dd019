using System.Text.Json.Serialization;
using NetBird.ControlPlane.Forms;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>Refusals as problem details (RFC 9457): what is wrong and what to do, never more of the request than its field names.</summary>
internal static class Problems
{
    public static IResult NotAuthenticated() => new ProblemAnswer(new(
        StatusCodes.Status401Unauthorized,
        "Who calls is not known",
        "Send 'Authorization: Token nbp_...' with a personal access token that is valid. The first start wrote one to the file "
        + "'admin-token' in the state directory; others are made with 'netbird-controlplane admin-token create'."));

    public static IResult NotPermitted(string need) => new ProblemAnswer(new(
        StatusCodes.Status403Forbidden, "Not permitted", $"This needs {need}. Ask an administrator of this account."));

    public static IResult NotFound(string what) => new ProblemAnswer(new(
        StatusCodes.Status404NotFound, "Not found", $"There is no such {what}. It may have been deleted."));

    public static IResult Conflict(string detail) => new ProblemAnswer(new(
        StatusCodes.Status409Conflict, "Conflict", detail));

    public static IResult Malformed(string detail) => new ProblemAnswer(new(
        StatusCodes.Status400BadRequest, "The request cannot be read", detail));

    public static IResult Unavailable(string detail) => new ProblemAnswer(new(
        StatusCodes.Status503ServiceUnavailable, "Not possible now", detail));

    public static IResult TooMany(int seconds) => new ProblemAnswer(new(
        StatusCodes.Status429TooManyRequests, "Too many calls", $"Calls of one token and of one address are limited; try again in {seconds} s."));

    public static IResult TooLarge(long maxBytes) => new ProblemAnswer(new(
        StatusCodes.Status413PayloadTooLarge, "The request is too large", $"A body has at most {maxBytes} bytes."));

    public static IResult MediaType() => new ProblemAnswer(new(
        StatusCodes.Status415UnsupportedMediaType, "The body is not JSON", "Send 'Content-Type: application/json' and a JSON object."));

    /// <summary>Every error at once.</summary>
    public static IResult Invalid(IReadOnlyList<FormError> errors) => new ProblemAnswer(new(
        StatusCodes.Status400BadRequest,
        "Some fields are not right",
        string.Join(' ', errors.Take(5).Select(error => error.Path.Length == 0 ? error.Message : $"{error.Path}: {error.Message}")))
    {
        Errors = errors.GroupBy(error => error.Path, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Select(error => error.Message).ToArray(), StringComparer.Ordinal),
    });

    public static IResult Invalid(string path, string message) => Invalid([new(path, message, null)]);
}

/// <summary>The body of a problem.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Title">What sort of problem.</param>
/// <param name="Detail">This one, and what to do.</param>
/// <param name="Type">RFC 9457 section 4.2.1: the status says what sort of problem it is.</param>
internal sealed record Problem(int Status, string Title, string Detail, string Type = "about:blank")
{
    /// <summary>By field.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }
}

/// <summary>Writes a problem.</summary>
internal sealed class ProblemAnswer(Problem problem) : IResult
{
    public Problem Problem => problem;

    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.StatusCode = problem.Status;
        if (problem.Status == StatusCodes.Status401Unauthorized)
        {
            httpContext.Response.Headers.WWWAuthenticate = "Token";
        }

        if (problem.Status == StatusCodes.Status503ServiceUnavailable)
        {
            httpContext.Response.Headers.RetryAfter = "5";
        }

        return httpContext.Response.WriteAsJsonAsync(
            problem, AdminJson.Options, "application/problem+json", httpContext.RequestAborted);
    }
}
