"""Machine-learned particle flow: tracks and clusters of an event in, one particle or none for each out.

| module | content |
| --- | --- |
| `config` | `MLPFConfig` and its presets: `small`, `delphes` and those of the public networks |
| `model` | `build(config) -> keras.Model` |
| `element_features`, `decoding`, `head` | what that is made of, beside `zoo.layers.combined_graph` |
| `events` | records to tensors, sample events, checks |
| `objective`, `target_jets` | targets, losses, metrics |
| `report` | the network beside rule-based particle flow, from `particles`, `comparison`, `event_figures` |
| `pictures`, `page` | how that looks |

Pata et al., arXiv:2101.08578; for CMS arXiv:2203.00330; the public code: jpata/particleflow.
"""

__all__ = ["config", "events", "model", "objective", "report"]
