"""The peer of the DRN: the published networks in PyTorch Geometric's public interface.

Where torch_cluster is installed its `knn` and `graclus` are used, as in the public code; else plain PyTorch
stands in: distances padded by object with `topk`, and a matching by mutual best choice.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
import torch_geometric
from torch import nn
from torch_geometric.nn import EdgeConv, global_max_pool
from torch_geometric.utils import degree, to_dense_batch, to_undirected

from benchmarks.timing_input import showers

try:
    import torch_cluster
except ImportError:
    torch_cluster = None

HIDDEN, NEIGHBOURS, OUTPUTS, FAR = 64, 16, 6, 1e30
EXTENSIONS = "without" if torch_cluster is None else "with"
NAME = f"PyTorch Geometric {torch_geometric.__version__} ({EXTENSIONS} torch_cluster)"
# (dense layers of the input, aggregations, dense layers on edges, dense layers of the output)
PRESETS = {"two_layer": (1, 2, 2, 3), "cms": (4, 6, 3, 2)}


def _stack(widths: list[int], last_activation: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = []
    for fan_in, units in itertools.pairwise(widths):
        layers += [nn.Linear(fan_in, units), nn.ELU()]
    return nn.Sequential(*(layers if last_activation else layers[:-1]))


def _neighbours(x: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
    """Returns the edges `[2, E]` from each node's nearest neighbours, itself included, made undirected."""
    if torch_cluster is not None:
        edges = torch_cluster.knn_graph(x, NEIGHBOURS, batch, loop=True)
        return to_undirected(edges, num_nodes=len(x))
    dense, mask = to_dense_batch(x, batch)
    distance = torch.cdist(dense, dense).masked_fill(~mask[:, None, :], FAR)
    place = torch.cumsum(mask.flatten(), 0).view(mask.shape) - 1  # of each slot in the list of nodes
    near, index = distance.topk(min(NEIGHBOURS, distance.shape[2]), largest=False)
    real = mask[:, :, None] & (near < 0.5 * FAR)
    receiver = place[:, :, None].expand_as(index)[real]
    sender = place.gather(1, index.flatten(1)).view(index.shape)[real]
    return to_undirected(torch.stack([sender, receiver]), num_nodes=len(x))


def _cluster(edges: torch.Tensor, weight: torch.Tensor, n: int) -> torch.Tensor:
    """Returns the cluster of each node: pairs linked by a large weight, or single nodes."""
    if torch_cluster is not None:
        return torch_cluster.graclus_cluster(edges[0], edges[1], weight, n)
    source, target = edges
    linked = source != target
    source, target, weight = source[linked], target[linked], weight[linked]
    cluster = torch.arange(n)
    for _ in range(6):
        if source.numel() == 0:
            break
        best = torch.full((n,), -1.0).scatter_reduce(0, source, weight, "amax")
        hit = weight >= best[source]
        choice = torch.full((n,), n).scatter_reduce(0, source[hit], target[hit], "amin")
        choice = torch.where(choice < n, choice, torch.arange(n))
        mutual = (choice[choice] == torch.arange(n)) & (choice != torch.arange(n))
        cluster = torch.where(mutual, torch.minimum(cluster, choice), cluster)
        free = ~mutual
        left = free[source] & free[target]
        source, target, weight = source[left], target[left], weight[left]
    return cluster


class DRN(nn.Module):
    """The Dynamic Reduction Network as CMS trains it (`cms`) or as its minimal code has it (`two_layer`)."""

    def __init__(self, preset: str) -> None:
        super().__init__()
        inputs, aggregations, messages, outputs = PRESETS[preset]
        self.embed = _stack([5] + [HIDDEN] * inputs)
        widths = [2 * HIDDEN] * messages + [HIDDEN]
        self.convolutions = nn.ModuleList(EdgeConv(_stack(widths), aggr="add") for _ in range(aggregations))
        self.output = _stack([HIDDEN + 2] * outputs + [OUTPUTS], last_activation=False)

    def forward(self, x: torch.Tensor, batch: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Returns the six raw parameters `[B, 6]`."""
        x, size = self.embed(x), len(context)
        for convolution in self.convolutions:
            edges = _neighbours(x, batch)
            x = convolution(x, edges)
            with torch.no_grad():
                inverse = 1.0 / degree(edges[1], len(x))
                length = (x[edges[0]] - x[edges[1]]).norm(dim=1)
                cluster = _cluster(edges, length * (inverse[edges[0]] + inverse[edges[1]]), len(x))
                kept, cluster = torch.unique(cluster, return_inverse=True)
            x = global_max_pool(x, cluster, len(kept))
            batch = batch[kept]
        return self.output(torch.cat([global_max_pool(x, batch, size), context], dim=1))


def build(preset: str) -> nn.Module:
    """Builds a preset with fresh weights."""
    return DRN(preset)


def loss(raw: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Returns the mean negative logarithm of the double-sided crystal ball."""
    soft = nn.functional.softplus
    mu = 1.3862944 * (torch.sigmoid(raw[:, 0]) - 0.5)
    sigma, left, right = soft(raw[:, 1]) + 1e-3, soft(raw[:, 2]) + 0.1, soft(raw[:, 4]) + 0.1
    n_left, n_right = soft(raw[:, 3]) + 1.01, soft(raw[:, 5]) + 1.01
    t = (y - mu) / sigma
    core = -0.5 * torch.clamp(t, -left, right) ** 2
    below, above = torch.clamp(-t - left, min=0.0), torch.clamp(t - right, min=0.0)
    tails = -n_left * torch.log1p(left * below / n_left) - n_right * torch.log1p(right * above / n_right)
    area = torch.exp(-0.5 * left**2) * n_left / (left * (n_left - 1.0))
    area = area + torch.exp(-0.5 * right**2) * n_right / (right * (n_right - 1.0))
    area = area + 1.2533141 * (torch.erf(left / 2**0.5) + torch.erf(right / 2**0.5))
    return (torch.log(sigma * area) - core - tails).mean()


def batch(start: int, size: int) -> tuple[tuple[Any, ...], torch.Tensor]:
    """Returns the arguments of a network, and the target, of consecutive showers."""
    part = showers().batch(start, size)
    of = torch.repeat_interleave(torch.arange(len(part.counts)), torch.from_numpy(part.counts))
    x, context, y = (torch.from_numpy(values) for values in (part.scaled, part.context, part.target))
    return (x, of, context), y
