"""The peer of the mass regressor: the same networks in plain PyTorch, as the public code builds its own."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import nn

from benchmarks.timing_input import SEED_AT, images

NAME = f"PyTorch {torch.__version__}"
STAGES = ((16, 16, 3, 1), (16, 32, 1, 2), (32, 32, 3, 1))  # channels in and out, blocks, stride of the first
DENSE, CROP, FLOOR = (384, 192, 96), 23, 1e-5
HALVES = (1, 2, 4, 8)  # half sizes of the squares whose moments are inputs
PRESETS = ("barrel", "cms")


class _Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    def __init__(self, fan_in: int, units: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(fan_in, units, 3, stride, 1)
        self.second = nn.Conv2d(units, units, 3, 1, 1)
        same = stride == 1 and fan_in == units
        self.shortcut = nn.Identity() if same else nn.Conv2d(fan_in, units, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns `[B, C, H, W]`."""
        return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))


class Residual(nn.Module):
    """The published network: 85,459 parameters."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for fan_in, units, number, stride in STAGES:
            blocks += [_Block(fan_in, units, stride), *(_Block(units, units, 1) for _ in range(number - 1))]
        self.images = nn.Sequential(nn.Conv2d(2, 16, 7, 1, 1), nn.ReLU(), *blocks)
        self.mass = nn.Linear(34, 1)

    def forward(self, image: torch.Tensor, seed: torch.Tensor) -> torch.Tensor:
        """Returns the mass `[B]` in GeV of images `[B, 2, 32, 32]` in GeV."""
        seen = self.images(image / 25.0).amax(dim=(2, 3))
        place = seed / torch.tensor([170.0, 360.0])
        return 1.6 * self.mass(torch.cat([seen, place], dim=1))[:, 0]


class Dense(nn.Module):
    """The zoo's `barrel`: shares of E_T around the seed, their moments, dense layers."""

    def __init__(self) -> None:
        super().__init__()
        widths = [CROP * CROP + 2 + 6 * len(HALVES) + 2, *DENSE]
        layers: list[nn.Module] = []
        for fan_in, units in itertools.pairwise(widths):
            layers += [nn.Linear(fan_in, units), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], 2))
        step = torch.arange(CROP) - CROP // 2
        eta, phi = step.repeat_interleave(CROP).float(), step.repeat(CROP).float()
        inside = torch.maximum(eta.abs(), phi.abs())
        columns = (torch.ones_like(eta), eta, phi, eta * eta, phi * phi, eta * phi)
        steps = [(inside <= half) * column for half in HALVES for column in columns]
        self.register_buffer("steps", torch.stack(steps, dim=1))

    def forward(self, image: torch.Tensor, seed: torch.Tensor) -> torch.Tensor:
        """Returns the mass `[B]` in GeV of images `[B, 2, 32, 32]` in GeV."""
        first = SEED_AT - CROP // 2
        seen = image[:, :, first : first + CROP, first : first + CROP].flatten(2)
        total = seen[:, 0].sum(dim=1).clamp(min=1e-3)
        share = seen[:, 0] / total[:, None]
        features = [torch.log(total / 50.0)[:, None], (seen[:, 1].sum(dim=1) / total)[:, None]]
        for one in (share @ self.steps).unflatten(1, (len(HALVES), 6)).unbind(1):
            _, eta, phi, ee, pp, ep = (one / one[:, :1].clamp(min=1e-3)).unbind(1)
            moments = (eta, phi, ee - eta * eta, pp - phi * phi, ep - eta * phi, one[:, 0])
            features.append(torch.stack(moments, dim=1))
        place = seed / torch.tensor([170.0, 360.0])
        parts = self.layers(torch.cat([torch.sqrt(share + FLOOR) - FLOOR**0.5, *features, place], dim=1))
        return 1.6 * (parts[:, 0] + parts[:, 1] * total / 50.0)


def build(preset: str) -> nn.Module:
    """Builds a preset with fresh weights."""
    return Residual() if preset == "cms" else Dense()


def loss(mass: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Returns the mean absolute error."""
    return (mass - target).abs().mean()


def batch(start: int, size: int) -> tuple[tuple[Any, ...], torch.Tensor]:
    """Returns the arguments of a network, and the target, of consecutive images; channels first."""
    part = images().batch(start, size)
    image = torch.from_numpy(part.image).permute(0, 3, 1, 2).contiguous()
    return (image, torch.from_numpy(part.seed)), torch.from_numpy(part.mass_gev)
