using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using NetBird.Primitives;

namespace NetBird.WireGuard.Configuration;

/// <summary>
/// Reads the configuration file format of wg(8), section CONFIGURATION FILE FORMAT: sections and keys in any
/// case, '#' begins a comment, white space around parts is skipped. Works on bytes, so that no string keeps a key.
/// </summary>
internal sealed class WgFileParser : IDisposable
{
    // What wg-quick(8) takes in the same file and wg(8) refuses.
    private static readonly string[] OfWgQuick =
        ["Address", "DNS", "MTU", "Table", "PreUp", "PostUp", "PreDown", "PostDown", "SaveConfig"];

    private readonly List<Section> _peers = [];
    private PrivateKey? _privateKey;
    private ushort? _listenPort;
    private uint? _firewallMark;
    private Section? _section;
    private int _line;

    private WgFileParser()
    {
    }

    /// <exception cref="WgFileException">A mistake, with its place.</exception>
    public static WgFile Parse(ReadOnlySpan<byte> text)
    {
        var parser = new WgFileParser();
        try
        {
            // Some editors begin a file with a byte order mark.
            var rest = text.StartsWith("\uFEFF"u8) ? text[3..] : text;
            foreach (var range in rest.Split((byte)'\n'))
            {
                parser._line++;
                parser.ReadLine(rest[range]);
            }

            return parser.Complete();
        }
        catch
        {
            parser.Dispose();
            throw;
        }
    }

    /// <summary>Zeroes what was read; not called once a file came of it.</summary>
    public void Dispose()
    {
        _privateKey?.Dispose();
        _peers.ForEach(peer => CryptographicOperations.ZeroMemory(peer.PresharedKey));
    }

    private WgFile Complete()
    {
        foreach (var peer in _peers.Where(peer => peer.Key is null))
        {
            throw new WgFileException(peer.Line, 1, "this [Peer] has no PublicKey");
        }

        return new WgFile
        {
            PrivateKey = _privateKey,
            ListenPort = _listenPort,
            FirewallMark = _firewallMark,
            Peers = [.. _peers.Select(peer => peer.Build())],
        };
    }

    private void ReadLine(ReadOnlySpan<byte> line)
    {
        var comment = line.IndexOf((byte)'#');
        var content = Trim(new Part(comment < 0 ? line : line[..comment], 1));
        if (content.Text.IsEmpty)
        {
            return;
        }

        if (content.Text[0] == (byte)'[')
        {
            BeginSection(content);
            return;
        }

        var equals = content.Text.IndexOf((byte)'=');
        if (equals < 0)
        {
            throw At(content, "a line is KEY = VALUE or [SECTION]");
        }

        var key = Trim(content.From(0, equals));
        var value = Trim(content.From(equals + 1, content.Text.Length - equals - 1));
        if (_section is null)
        {
            throw At(key, "a key comes after [Interface] or [Peer]");
        }

        if (_section.IsPeer)
        {
            ReadPeer(_section, key, value);
        }
        else
        {
            ReadInterface(key, value);
        }
    }

    private void BeginSection(Part part)
    {
        if (Is(part, "[Interface]"))
        {
            _section = new Section(isPeer: false, _line);
        }
        else if (Is(part, "[Peer]"))
        {
            _peers.Add(_section = new Section(isPeer: true, _line));
        }
        else
        {
            throw At(part, "a section is [Interface] or [Peer]");
        }
    }

    private void ReadInterface(Part key, Part value)
    {
        if (Is(key, "PrivateKey"))
        {
            Span<byte> bytes = stackalloc byte[PrivateKey.Size];
            try
            {
                ReadKey(value, bytes);
                _privateKey?.Dispose();
                _privateKey = new PrivateKey(bytes);
            }
            finally
            {
                CryptographicOperations.ZeroMemory(bytes);
            }
        }
        else if (Is(key, "ListenPort"))
        {
            _listenPort = (ushort)ReadNumber(value, ushort.MaxValue);
        }
        else if (Is(key, "FwMark"))
        {
            _firewallMark = Is(value, "off") ? 0 : ReadNumber(value, uint.MaxValue);
        }
        else if (OfWgQuick.Contains(key.ToText(), StringComparer.OrdinalIgnoreCase))
        {
            throw At(key, "this key is of wg-quick(8), not wg(8): take it out, and set addresses and routes with ip(8)");
        }
        else
        {
            throw At(key, "[Interface] takes PrivateKey, ListenPort and FwMark");
        }
    }

    private void ReadPeer(Section peer, Part key, Part value)
    {
        if (Is(key, "PublicKey"))
        {
            Span<byte> bytes = stackalloc byte[PublicKey.Size];
            ReadKey(value, bytes);
            peer.Key = new PublicKey(bytes);
        }
        else if (Is(key, "PresharedKey"))
        {
            peer.PresharedKey = new byte[32];
            ReadKey(value, peer.PresharedKey);
        }
        else if (Is(key, "AllowedIPs"))
        {
            ReadAllowedIPs(peer, value);
        }
        else if (Is(key, "Endpoint"))
        {
            ReadEndpoint(peer, value);
        }
        else if (Is(key, "PersistentKeepalive"))
        {
            peer.Keepalive = Is(value, "off") ? (ushort)0 : (ushort)ReadNumber(value, ushort.MaxValue);
        }
        else
        {
            throw At(key, "[Peer] takes PublicKey, PresharedKey, AllowedIPs, Endpoint and PersistentKeepalive");
        }
    }

    private void ReadAllowedIPs(Section peer, Part value)
    {
        // An empty list is a peer without addresses.
        if (value.Text.IsEmpty)
        {
            return;
        }

        foreach (var range in value.Text.Split((byte)','))
        {
            var (offset, length) = range.GetOffsetAndLength(value.Text.Length);
            var item = Trim(value.From(offset, length));
            if (!AddressText.TryParsePrefix(item.ToText(), out var prefix))
            {
                throw At(item, "an allowed IP is ADDRESS or ADDRESS/BITS");
            }

            peer.AllowedIPs.Add(prefix);
        }
    }

    private void ReadEndpoint(Section peer, Part value)
    {
        var text = value.ToText();
        if (AddressText.TryParseEndpoint(text, out var endpoint))
        {
            (peer.Endpoint, peer.Name) = (endpoint, null);
            return;
        }

        if (!AddressText.TrySplitEndpoint(text, out var host, out var port)
            || Uri.CheckHostName(host.ToString()) is not UriHostNameType.Dns)
        {
            throw At(value, "an endpoint is HOST:PORT, ADDRESS:PORT or [ADDRESS]:PORT");
        }

        (peer.Endpoint, peer.Name) = (null, new EndpointName(host.ToString(), port, _line, value.Column));
    }

    private void ReadKey(Part value, Span<byte> key)
    {
        Span<byte> decoded = stackalloc byte[33];
        if (value.Text.Length != 44
            || Base64.DecodeFromUtf8(value.Text, decoded, out _, out var written) != System.Buffers.OperationStatus.Done
            || written != key.Length)
        {
            throw At(value, "a key is 44 characters of base64");
        }

        decoded[..key.Length].CopyTo(key);
        CryptographicOperations.ZeroMemory(decoded);
    }

    private uint ReadNumber(Part value, uint most)
    {
        // wg(8) takes hexadecimal for marks; harmless for the others.
        var text = value.ToText();
        var isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return uint.TryParse(
            isHex ? text[2..] : text,
            isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var number) && number <= most
            ? number
            : throw At(value, $"a whole number from 0 to {most} is wanted");
    }

    private WgFileException At(Part part, string message) => new(_line, part.Column, message);

    private static bool Is(Part part, string name)
        => part.Text.Length == name.Length && Ascii.EqualsIgnoreCase(part.Text, name);

    private static Part Trim(Part part)
    {
        var start = part.Text.IndexOfAnyExcept(" \t\r\v\f"u8);
        if (start < 0)
        {
            return new Part(default, part.Column);
        }

        var end = part.Text.LastIndexOfAnyExcept(" \t\r\v\f"u8);
        return part.From(start, end - start + 1);
    }

    /// <summary>A piece of a line and the column it begins at.</summary>
    private readonly ref struct Part(ReadOnlySpan<byte> text, int column)
    {
        public ReadOnlySpan<byte> Text { get; } = text;

        public int Column { get; } = column;

        public Part From(int start, int length) => new(Text.Slice(start, length), Column + start);

        /// <summary>Only for what is no secret.</summary>
        public string ToText() => Encoding.UTF8.GetString(Text);
    }

    private sealed class Section(bool isPeer, int line)
    {
        public bool IsPeer { get; } = isPeer;

        public int Line { get; } = line;

        public PublicKey? Key { get; set; }

        public byte[]? PresharedKey { get; set; }

        public IPEndPoint? Endpoint { get; set; }

        public EndpointName? Name { get; set; }

        public ushort? Keepalive { get; set; }

        public List<IPNetwork> AllowedIPs { get; } = [];

        public WgFilePeer Build() => new(
            new PeerChange
            {
                PublicKey = Key!.Value, // Checked by Complete.
                PresharedKey = PresharedKey,
                Endpoint = Endpoint,
                PersistentKeepaliveSeconds = Keepalive,
                ReplaceAllowedIPs = true,
                AllowedIPs = AllowedIPs,
            },
            Name);
    }
}
