"""Superclusters from a network's edge probabilities between seeds and clusters.

| module | content |
| --- | --- |
| `config` | `SuperclusterConfig` and its presets: `barrel` and those of the public networks |
| `windows` | from events of PF clusters to windows around seeds, with labels |
| `events` | windows to tensors, sample windows, checks |
| `model` | `build(config) -> keras.Model` |
| `cluster_features`, `hit_features`, `cluster_hits`, `blocks`, `head` | what that is made of |
| `objective` | targets, losses, metrics |
| `report` | edges, flavour and energy of windows, beside Mustache |
| `traversal` | from edge probabilities to superclusters |

Valsecchi for CMS, arXiv:2204.10277; the public code: DeepSuperCluster, CMSSW RecoEcal/EgammaCoreTools.
"""

__all__ = ["config", "events", "model", "objective", "report", "traversal", "windows"]
