using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace NetBird.ControlPlane.Store.Secrets;

/// <summary>Where Data Protection keeps its key ring: <c>keys/NAME.xml</c> among the shared secrets, as its own file store names them.</summary>
internal sealed class KeyRingRepository(ISharedSecrets secrets) : IXmlRepository
{
    public const string Folder = "keys";

    public IReadOnlyCollection<XElement> GetAllElements()
        => [.. secrets.Names(Folder)
            .Where(name => name.EndsWith(".xml", StringComparison.Ordinal))
            .Select(secrets.Find)
            .OfType<byte[]>()
            .Select(content => XElement.Parse(Encoding.UTF8.GetString(content).TrimStart('\uFEFF')))];

    public void StoreElement(XElement element, string friendlyName)
        => secrets.GetOrAdd($"{Folder}/{friendlyName}.xml", () => Encoding.UTF8.GetBytes(element.ToString()));
}
