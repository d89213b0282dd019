using System.Text;

namespace EndToEnd.Tests.ControlPlanes;

/// <summary>Places, and secrets that must be in none of them: as they are, in base64 and in hexadecimal.</summary>
internal sealed class SecretSearch
{
    private readonly Dictionary<string, byte[]> _places = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _secrets = new(StringComparer.Ordinal);

    public int Places => _places.Count;

    public int Secrets => _secrets.Count;

    public void Plant(string what, string secret)
    {
        Assert.True(secret.Length >= 6, $"{what} is too short to be looked for.");
        _secrets.Add(what, secret);
    }

    public void Look(string place, byte[] content) => _places[place] = content;

    public void Look(string place, string content) => Look(place, Encoding.UTF8.GetBytes(content));

    /// <summary>Every file below, but those named.</summary>
    public void LookInFiles(string directory, params string[] except)
    {
        foreach (var file in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            if (!except.Contains(Path.GetRelativePath(directory, file)))
            {
                Look(file, File.ReadAllBytes(file));
            }
        }
    }

    /// <summary>What was found where; empty when all is well.</summary>
    public List<string> Found()
        => [.. from secret in _secrets
               from place in _places
               where Forms(secret.Value).Any(form => place.Value.AsSpan().IndexOf(form) >= 0)
               select $"{secret.Key} is in {place.Key}"];

    private static IEnumerable<byte[]> Forms(string secret)
    {
        var plain = Encoding.UTF8.GetBytes(secret);
        yield return plain;
        yield return Encoding.ASCII.GetBytes(Convert.ToHexStringLower(plain));

        // Wherever in a longer text it stood: base64 of whole triples at each of the three offsets.
        for (var offset = 0; offset < 3; offset++)
        {
            yield return Encoding.ASCII.GetBytes(Convert.ToBase64String(plain.AsSpan(offset, (plain.Length - offset) / 3 * 3)));
        }
    }
}
