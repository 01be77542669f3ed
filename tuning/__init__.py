"""Search for better settings with Keras Tuner, run from a checkout.

| module | what it holds |
| --- | --- |
| `search` | one search: events once, trials, `trials.csv`, `best.toml` |
| `hypermodel` | a recipe and a space as a Keras Tuner `HyperModel`; every execution is logged |
| `spaces` | one file for each model: `space(hp) -> overrides of the recipe` |
| `parallel` | one chief and N workers on this host |
| `results` | what was found: `best.toml` and `trials.csv` of each search worth keeping |

    python -m tuning drn --trials 20 --tuner random --out runs/tuning-drn
    python -m training runs/tuning-drn/best.toml
"""

__all__: list[str] = []
