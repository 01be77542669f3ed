"""From rechits to superclusters with energies: the steps, and the chain that puts them together.

| module | content |
| --- | --- |
| `chain` | `reconstruct`: a file or records through every step |
| `superclustering` | clusters to superclusters, by Mustache or a network |
| `supercluster_objects` | superclusters as calorimeter objects |
| `energies` | their energies, by a network or a baseline |
| `supercluster_records` | superclusters, energies and truth as records |
"""
