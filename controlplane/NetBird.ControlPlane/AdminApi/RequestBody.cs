using System.Net.Mime;
using Microsoft.Net.Http.Headers;
using NetBird.ControlPlane.Forms;

namespace NetBird.ControlPlane.AdminApi;

/// <summary>Reads the JSON body of a request. Called by handlers, after it is known who calls.</summary>
internal static class RequestBody
{
    /// <summary>Largest body taken. Ours: a policy of 10,000 groups fits.</summary>
    public const int MaxBytes = 1024 * 1024;

    /// <summary>The body, or the refusal to answer with.</summary>
    public static async Task<(FormNode? Node, IResult? Refusal)> ReadAsync(HttpContext http)
    {
        if (!MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type)
            || !type.MediaType.Equals(MediaTypeNames.Application.Json, StringComparison.OrdinalIgnoreCase))
        {
            return (null, Problems.MediaType());
        }

        var (bytes, tooLarge) = await ReadBytesAsync(http.Request, MaxBytes, http.RequestAborted);
        if (tooLarge)
        {
            return (null, Problems.TooLarge(MaxBytes));
        }

        try
        {
            return (JsonForm.Parse(bytes), null);
        }
        catch (FormatException fault)
        {
            return (null, Problems.Malformed(fault.Message));
        }
    }

    /// <summary>The whole body, up to a limit.</summary>
    public static async Task<(byte[] Bytes, bool TooLarge)> ReadBytesAsync(
        HttpRequest request, int maxBytes, CancellationToken cancellationToken)
    {
        if (request.ContentLength > maxBytes)
        {
            return ([], true);
        }

        var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        int read;
        while ((read = await request.Body.ReadAsync(chunk, cancellationToken)) > 0)
        {
            if (buffer.Length + read > maxBytes)
            {
                return ([], true);
            }

            buffer.Write(chunk, 0, read);
        }

        return (buffer.ToArray(), false);
    }
}
