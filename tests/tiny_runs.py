"""A network and a data set small enough to train within a test."""

from training.trainer.recipe import Recipe, read

TINY = {
    "hidden": 4,
    "input_layers": 1,
    "aggregation_layers": 1,
    "message_layers": 1,
    "update_layers": 1,
    "output_layers": 1,
    "message_width": 4,
    "output_width": 4,
    "k": 2,
    "matching_rounds": 1,
    "samples": "toy",
    "n": 256,
    "validation_n": 64,
    "test_n": 1024,
    "shard_size": 128,
    "batch_size": 16,
    "steps": 8,
    "steps_per_epoch": 4,
}


def tiny(**changes) -> Recipe:
    return read("drn").override({**TINY, **changes})


def words(**changes) -> list[str]:
    """The same as arguments of the command line."""
    return [word for name, value in {**TINY, **changes}.items() for word in ("--set", f"{name}={value}")]
