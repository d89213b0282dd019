using System.Globalization;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>Which part of a list is asked for: <c>page</c> from 1, <c>page_size</c> from 1 to 1000.</summary>
/// <param name="Page">From 1.</param>
/// <param name="Size">Rows on a page.</param>
internal readonly record struct Paging(int Page, int Size)
{
    public const int MaxSize = 1000;
    public const int MaxPage = 1_000_000;
    public const int DefaultSize = 100;

    public int Skip => checked((Page - 1) * Size);

    /// <summary>Reads the query; null with a refusal when it is wrong. Absent: the first page of the default size.</summary>
    public static (Paging Paging, IResult? Refusal) Read(HttpRequest request, int defaultSize = DefaultSize)
    {
        var (page, pageFault) = Whole(request, "page", 1, MaxPage);
        var (size, sizeFault) = Whole(request, "page_size", defaultSize, MaxSize);
        return (new(page, size), pageFault ?? sizeFault);
    }

    /// <summary>
    /// A list as NetBird gives it, a plain array: whole where no page is asked for, with the number of all rows in
    /// <c>X-Total-Count</c>.
    /// </summary>
    public static IResult Array<T>(HttpContext http, IReadOnlyCollection<T> rows)
    {
        http.Response.Headers["X-Total-Count"] = rows.Count.ToString(CultureInfo.InvariantCulture);
        if (!http.Request.Query.ContainsKey("page") && !http.Request.Query.ContainsKey("page_size"))
        {
            return Json(rows);
        }

        var (paging, refusal) = Read(http.Request);
        return refusal ?? Json(rows.Skip(paging.Skip).Take(paging.Size).ToList());
    }

    public static IResult Json<T>(T value, int status = StatusCodes.Status200OK)
        => Results.Json(value, AdminJson.Options, statusCode: status);

    private static (int Value, IResult? Refusal) Whole(HttpRequest request, string name, int absent, int max)
    {
        if (!request.Query.TryGetValue(name, out var values))
        {
            return (absent, null);
        }

        return values.Count == 1
            && int.TryParse(values[0], NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            && value >= 1 && value <= max
                ? (value, null)
                : (absent, Problems.Invalid(name, $"This is a whole number from 1 to {max}."));
    }
}
