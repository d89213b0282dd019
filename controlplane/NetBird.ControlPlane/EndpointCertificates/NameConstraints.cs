using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;

namespace NetBird.ControlPlane.EndpointCertificates;

/// <summary>The extension that holds an authority to one DNS name (RFC 5280 section 4.2.1.10); .NET has no class for it.</summary>
internal static class NameConstraints
{
    private const string Identifier = "2.5.29.30";

    // GeneralName: dNSName [2], iPAddress [7]. NameConstraints: permittedSubtrees [0], excludedSubtrees [1].
    private static readonly Asn1Tag DnsName = new(TagClass.ContextSpecific, 2);
    private static readonly Asn1Tag IpAddress = new(TagClass.ContextSpecific, 7);
    private static readonly Asn1Tag Permitted = new(TagClass.ContextSpecific, 0);
    private static readonly Asn1Tag Excluded = new(TagClass.ContextSpecific, 1);

    /// <summary>The name and what is below it, and no address of either family.</summary>
    public static X509Extension For(string name)
    {
        var asn = new AsnWriter(AsnEncodingRules.DER);
        using (asn.PushSequence())
        {
            using (asn.PushSequence(Permitted))
            using (asn.PushSequence())
            {
                asn.WriteCharacterString(UniversalTagNumber.IA5String, name, DnsName);
            }

            using (asn.PushSequence(Excluded))
            {
                foreach (var size in new[] { 4, 16 })
                {
                    using (asn.PushSequence())
                    {
                        // Address and mask, all zero: every address.
                        asn.WriteOctetString(new byte[2 * size], IpAddress);
                    }
                }
            }
        }

        return new X509Extension(Identifier, asn.Encode(), critical: true);
    }

    /// <summary>Whether the authority was made for exactly this name.</summary>
    public static bool Allow(X509Certificate2 authority, string name)
        => authority.Extensions[Identifier] is { } extension && extension.RawData.AsSpan().SequenceEqual(For(name).RawData);
}
