"""Records in files: ROOT by uproot, in steps, atomic, with metadata; fields of other experiments' files.

| module | content |
| --- | --- |
| `readers`, `writers` | our own ROOT files, and others through a map |
| `branch_maps` | our field -> somebody's branch and unit: a small TOML file |
| `nano` | the maps of NanoAOD and PFNano |
| `edm4hep` | files of Delphes as events of elements |
"""
