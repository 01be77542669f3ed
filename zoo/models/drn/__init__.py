"""Dynamic Reduction Network: energy and its uncertainty of an electron or photon from its crystals.

| module | content |
| --- | --- |
| `config` | `DRNConfig` and the presets `cms`, `two_layer`, `barrel` |
| `model` | `build(config) -> keras.Model` |
| `hit_features`, `head` | the layers that only this network has |
| `objective` | target, loss, metrics |
| `events` | records to tensors, sample events, checks |

Gray, Klijnsma, Ghosh, arXiv:2003.08013; CMS, CMS-DP-2022-009.
"""

__all__ = ["config", "events", "head", "hit_features", "model", "objective", "report"]
