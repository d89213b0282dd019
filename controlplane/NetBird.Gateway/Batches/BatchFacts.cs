using System.Collections.Immutable;
using System.Text.Json;
using NetBird.Gateway.Inspection;
using NetBird.Policy;

namespace NetBird.Gateway.Batches;

/// <summary>The requests of a batch that is being created: each <c>params</c> is read as the body of a message.</summary>
internal static class BatchFacts
{
    /// <summary>The API's own ceiling.</summary>
    private const int MostRequests = 100_000;

    /// <summary>A message's depth and the three levels around it.</summary>
    private const int MaxDepth = 260;

    /// <param name="json">The whole body.</param>
    /// <param name="requests">What it asks for.</param>
    /// <param name="problem">Why it was refused, in words for the person; never echoes the body.</param>
    public static bool TryRead(ReadOnlySpan<byte> json, out ImmutableArray<ModelRequest> requests, out string problem)
    {
        requests = [];
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
            var found = ImmutableArray.CreateBuilder<ModelRequest>();
            problem = ReadBody(json, ref reader, found);
            requests = found.DrainToImmutable();
            return problem.Length == 0;
        }
        catch (JsonException)
        {
            problem = "The body is not JSON that can be read without doubt.";
            return false;
        }
        catch (InvalidOperationException)
        {
            problem = "The body is not valid UTF-8.";
            return false;
        }
    }

    private static string ReadBody(ReadOnlySpan<byte> json, ref Utf8JsonReader reader, ImmutableArray<ModelRequest>.Builder found)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return "The body is not a JSON object.";
        }

        var seen = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isRequests = reader.ValueTextEquals("requests"u8);
            reader.Read();
            if (!isRequests)
            {
                reader.Skip();
                continue;
            }

            if (seen || reader.TokenType != JsonTokenType.StartArray)
            {
                return "The field \"requests\" is there twice or is not what it should be.";
            }

            seen = true;
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (ReadRequest(json, ref reader, found) is { Length: > 0 } problem)
                {
                    return problem;
                }
            }
        }

        // Whatever stands behind the object is an error.
        reader.Read();
        return found.Count == 0 ? "The batch has no requests." : "";
    }

    private static string ReadRequest(ReadOnlySpan<byte> json, ref Utf8JsonReader reader, ImmutableArray<ModelRequest>.Builder found)
    {
        if (found.Count == MostRequests)
        {
            return "A batch holds at most 100000 requests.";
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return "A request of the batch is not a JSON object.";
        }

        var count = found.Count;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isParams = reader.ValueTextEquals("params"u8);
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (!isParams)
            {
                continue;
            }

            var body = json[start..(int)reader.BytesConsumed];
            if (found.Count > count)
            {
                return "The field \"params\" of a request is there twice.";
            }

            if (!MessageFacts.TryRead(body, out var facts, out var problem))
            {
                return $"Request {count + 1} of the batch: {problem}";
            }

            if (facts.Model is null)
            {
                return $"Request {count + 1} of the batch names no model.";
            }

            found.Add(facts.Of(RequestKind.Messages, body.Length) with { Stream = false });
        }

        return found.Count == count ? $"Request {count + 1} of the batch has no \"params\"." : "";
    }
}
