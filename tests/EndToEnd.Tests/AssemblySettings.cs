// Worlds share the machine's two cores and its ports; one at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
