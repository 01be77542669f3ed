"""Training of the zoo's networks and baselines, run from a checkout.

| module | what it holds |
| --- | --- |
| `recipe` | a TOML file of `recipes/` as a frozen dataclass, with checked overrides |
| `data` | the recipe's events: simulated once, in parallel, into a resumable cache of shards |
| `run` | data, network, fit, checkpoints: the one path of command line, tests and tuning |
| `callbacks` | atomic backup, best and latest checkpoints, logs |
| `distribute`, `multiworker` | strategies, and the guard against settings that go wrong silently |
| `bdt_regression`, `linear_calibration` | the classical baselines, on the same events |
| `pf_clustering` | the energy correction of PF clusters, with a command line of its own |
| `manifest` | `run.json`: everything that says where a set of weights came from |
| `release` | a run's weights -> `saved_models/<model>/<tag>/`, exported, verified, evaluated, recorded |

`python -m training --help` lists the commands.
"""

__all__: list[str] = []
