"""Trains one network from a recipe: `run.run(recipe, out)`.

| module | content |
| --- | --- |
| `recipe` | the recipe: a TOML file, checked before anything starts |
| `data`, `superclustered` | the events of a recipe, simulated once and cached |
| `run` | the training itself, and its resumption |
| `run_record` | `run.json`, checkpoints, the fingerprint of the sources |
| `callbacks`, `clipping`, `start_weights` | what happens in a step, after an epoch, before the first |
| `distribute`, `multiworker` | strategies of `tf.distribute`, and several workers on one machine |
"""
