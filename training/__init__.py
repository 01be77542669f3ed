"""Training of the zoo's networks and baselines, run from a checkout.

| package | what it does |
| --- | --- |
| `trainer` | recipe -> events, network, fit, checkpoints, `run.json` |
| `baselines` | fits the classical algorithms, on the same events |
| `contest` | compares networks, baselines and chains on the same test events |
| `release` | a run -> `saved_models/<model>/<tag>/`, exported, verified, evaluated, recorded in the card |
| `recipes/` | the recipes, TOML |

`python -m training --help` lists the commands.
"""

__all__: list[str] = []
