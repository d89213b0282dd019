using NetBird.Primitives;

namespace NetBird.ControlPlane.Store;

/// <summary>A record of the configuration.</summary>
internal interface IDocument
{
    /// <summary>What people know it by; goes into the audit log.</summary>
    string Label { get; }
}

/// <summary>A record of the configuration, by its id.</summary>
internal interface IDocument<TId> : IDocument
    where TId : struct, IIdentifier<TId>
{
    TId Id { get; }
}
