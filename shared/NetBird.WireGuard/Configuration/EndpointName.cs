namespace NetBird.WireGuard.Configuration;

/// <summary>An endpoint given by name.</summary>
/// <param name="Host">As written.</param>
/// <param name="Port">UDP port.</param>
/// <param name="Line">Where it is in the file, from 1.</param>
/// <param name="Column">Where it is in the line, from 1.</param>
internal sealed record EndpointName(string Host, int Port, int Line, int Column);
