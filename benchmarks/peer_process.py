"""The peer's process: the networks of a model in PyTorch, `peer_<model>.py`. No zoo, no TensorFlow.

python -m benchmarks.peer_process drn
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import torch


def main(model: str) -> None:
    """Answers questions from standard input, one JSON object a line, until it ends.

    Args:
        model: Whose peer it is.
    """
    torch.set_num_threads(1)
    torch.manual_seed(1)
    peer = importlib.import_module(f"benchmarks.peer_{model}")
    networks = {preset: peer.build(preset) for preset in peer.PRESETS}
    optimisers = {preset: torch.optim.AdamW(each.parameters(), 1e-3) for preset, each in networks.items()}
    parameters = {preset: sum(p.numel() for p in each.parameters()) for preset, each in networks.items()}
    print(json.dumps({"name": peer.NAME, "parameters": parameters}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        network, optimiser = networks[question["preset"]], optimisers[question["preset"]]
        inputs, target = peer.batch(question["number"] * question["size"], question["size"])
        start = time.process_time()
        if question["train"]:
            optimiser.zero_grad()
            peer.loss(network(*inputs), target).backward()
            optimiser.step()
        else:
            with torch.inference_mode():
                network(*inputs)
        print(json.dumps({"cpu_s": time.process_time() - start}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
