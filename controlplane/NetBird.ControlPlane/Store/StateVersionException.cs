namespace NetBird.ControlPlane.Store;

/// <summary>The store was written by a newer version of this program; nothing was touched.</summary>
internal sealed class StateVersionException(string store, int found, int known)
    : Exception($"{store} was written by a newer version (its format is {found}, this program knows {known}). "
        + "Start that version, or restore a backup made before the upgrade. Nothing was changed.");
