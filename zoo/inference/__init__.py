"""From a name or a folder to predictions.

| module | content |
| --- | --- |
| `loading` | `load`: a network with released, local or fresh weights |
| `predicting` | `predict`: records in, records out |
| `predictions_file` | predictions as a ROOT file |
| `choice` | `choose`: the method, network or baseline, of a step of the reconstruction |
| `traced` | a network as one traced function of named tensors |
"""
