// One browser and one control plane at a time: the machine has two cores.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
