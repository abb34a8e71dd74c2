"""The augmentation of `sinet.data.augment` where the network runs: a whole batch at once, as tensors.

Pictures are held on the device as bytes. Chance is drawn as on a CPU, from the same generators in the same order, so
that every picture is the same choice, turned and cut alike; only the noise is another.
"""

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from sinet.core.errors import SpecError
from sinet.core.metrics import IGNORED, PERSON
from sinet.core.spec import PreprocessSpec
from sinet.core.types import Size
from sinet.data.augment import LUMA, Colouring, Placing, draw_colouring, draw_placing
from sinet.data.pool import Pool, Sample
from sinet.training.loader import AHEAD, Part, pick
from sinet.training.losses import IGNORE
from sinet.training.recipe import Recipe
from sinet.training.stages import stage_of

WHOLE = Part()
FINER = 2
"""Pictures are sampled on a grid so many times as fine both ways, and averaged: what shrinks does not flicker."""
_LUMINANCE = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
    ],
    np.float32,
).reshape(8, 8)
"""The quantisation of brightness in JPEG (ITU-T T.81, annex K, table K.1)."""


@dataclass(frozen=True)
class Choice:
    """What is to be made of one place of a batch: of a picture on the device, or of one made for the occasion."""

    pool: int
    number: int
    made: Sample | None
    placing: Placing
    colouring: Colouring


class DevicePools:
    """The training pictures of all sources on a device, (N, 4, H, W) bytes each: red, green, blue, label.

    Smaller pictures lie in the upper left corner; around them it is grey and ignored, which are the same code.

    Args:
        pools: the pictures.
        device: where to hold them.
    """

    def __init__(self, pools: tuple[Pool, ...], device: torch.device) -> None:
        self.pools, self.device = pools, device
        self.held = tuple(self._hold(pool.samples) for pool in pools)

    def _hold(self, samples: tuple[Sample, ...]) -> Tensor:
        height, width = (max(sample.label.shape[axis] for sample in samples) for axis in (0, 1))
        held = torch.full((len(samples), 4, height, width), IGNORED, dtype=torch.uint8, device=self.device)
        for place, sample in zip(held, samples, strict=True):
            h, w = sample.label.shape
            stacked = np.concatenate([sample.rgb, sample.label[..., None]], 2)
            place[:, :h, :w] = torch.from_numpy(np.ascontiguousarray(stacked.transpose(2, 0, 1))).to(self.device)
        return held


def choose(pools: tuple[Pool, ...], recipe: Recipe, rng: Generator) -> Choice:
    """One place of a batch, as `sinet.training.loader.draw_sample` fills it. A person is pasted on the CPU."""
    number, index, made = pick(pools, recipe, rng)
    sample = made or pools[number].samples[index]
    placing = draw_placing((int(sample.label.shape[0]), int(sample.label.shape[1])), recipe.augment, rng)
    return Choice(number, index, made, placing, draw_colouring(recipe.augment, rng))


def device_batches(
    held: DevicePools, recipe: Recipe, start: int, part: Part = WHOLE
) -> Iterator[tuple[Tensor, Tensor]]:
    """As `sinet.training.loader.batches`; chance is drawn ahead in a thread, pictures are made on the device.

    Raises:
        SpecError: the recipe augments as the paper does, which is done on a CPU only.
    """
    if recipe.paper_augment is not None:
        raise SpecError("paper_augment is done on a CPU; say --augment cpu")

    def choices(step: int) -> list[Choice]:
        mine = range(part.rank, stage_of(recipe, step).recipe.schedule.batch, part.of)
        return [choose(held.pools, recipe, np.random.default_rng([recipe.seed, step, index])) for index in mine]

    with ThreadPoolExecutor(1, "sinet-chance") as thread:
        waiting: list[Future[list[Choice]]] = []
        try:
            for step in range(start, recipe.steps):
                while len(waiting) <= AHEAD:
                    waiting.append(thread.submit(choices, step + len(waiting)))
                generator = torch.Generator(held.device)
                generator.manual_seed(int(np.random.SeedSequence([recipe.seed, step, part.rank]).generate_state(1)[0]))
                yield make_batch(held, waiting.pop(0).result(), recipe.preprocess, generator)
        finally:
            for future in waiting:
                future.cancel()


def make_batch(
    held: DevicePools, choices: list[Choice], spec: PreprocessSpec, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Pictures and labels of a batch.

    Returns:
        (n, 3, h, w) float32 as the network takes it, and (n, h, w) int64 labels of `sinet.training.losses`.
    """
    rgb, labels = place(held, choices, spec.size)
    rgb = recolour(rgb, [choice.colouring for choice in choices], generator)
    ordered = rgb.flip(1) if spec.colour_order == "bgr" else rgb
    mean, std = (torch.tensor(v, device=rgb.device)[:, None, None] for v in (spec.mean, spec.std))
    return (ordered - mean) / std, labels


def place(held: DevicePools, choices: list[Choice], size: Size) -> tuple[Tensor, Tensor]:
    """Turn, cut, mirror and resize: (n, 3, h, w) float32 codes, and labels as a label is resized elsewhere.

    Departs: from `sinet.data.augment` in the filter, which is a mean of 2x2 bilinear samples for each pixel here.
    """
    rgb = torch.empty((len(choices), 3, *size), device=held.device)
    labels = torch.empty((len(choices), *size), dtype=torch.int64, device=held.device)
    groups: dict[tuple[int, int], list[int]] = {}
    for position, choice in enumerate(choices):
        groups.setdefault((-1, position) if choice.made else (choice.pool, 0), []).append(position)
    for (pool, _), positions in groups.items():
        chosen = [choices[position] for position in positions]
        made = chosen[0].made
        source = (
            DevicePools((Pool("", 1.0, True, (made,)),), held.device).held[0]
            if made
            else held.held[pool][torch.tensor([choice.number for choice in chosen], device=held.device)]
        )
        samples = [choice.made or held.pools[choice.pool].samples[choice.number] for choice in chosen]
        grid = _grid(chosen, samples, (int(source.shape[2]), int(source.shape[3])), size, held.device)
        where = torch.tensor(positions, device=held.device)
        rgb[where], labels[where] = _sample(source, grid, size)
    return rgb, labels


def _grid(choices: list[Choice], samples: list[Sample], held: Size, size: Size, device: torch.device) -> Tensor:
    """(n, FINER h, FINER w, 2): where each fine sample is taken from, as `grid_sample` counts."""
    fine = (size[0] * FINER, size[1] * FINER)
    rows = []
    for choice, sample in zip(choices, samples, strict=True):
        a, b, c, d, e, f = choice.placing.origin((sample.label.shape[0], sample.label.shape[1]), fine)
        rows.append(
            [
                [2 * a / held[1], 2 * b / held[1], 2 * c / held[1] - 1],
                [2 * d / held[0], 2 * e / held[0], 2 * f / held[0] - 1],
            ]
        )
    v, u = (torch.arange(side, device=device) + 0.5 for side in fine)
    points = torch.stack([u.expand(fine), v[:, None].expand(fine), torch.ones(fine, device=device)], -1)
    return torch.einsum("hwk,nck->nhwc", points, torch.tensor(rows, dtype=torch.float32, device=device))


def _sample(source: Tensor, grid: Tensor, size: Size) -> tuple[Tensor, Tensor]:
    label = source[:, 3:]
    # Differences from grey, so that the zeros from outside are grey; and what counts, so that there nothing does.
    planes = torch.cat([source[:, :3].float() - 128, (label == PERSON).float(), (label != IGNORED).float()], 1)
    fine = functional.grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    mean = functional.avg_pool2d(fine, FINER)
    rgb, person, counted = mean[:, :3] + 128, mean[:, 3], mean[:, 4]
    labels = torch.where(counted <= 0.75, IGNORE, (person * 2 > counted).long())
    return rgb.round(), labels


def recolour(rgb: Tensor, colourings: list[Colouring], generator: torch.Generator) -> Tensor:
    """As `sinet.data.augment.recolour`, for (n, 3, h, w) float32 codes of one batch; whole codes come out."""
    device = rgb.device

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, device=device)[:, None, None, None]

    blurs = [colouring.blur_px for colouring in colourings]
    if any(blurs):
        rgb = _blurred(rgb, blurs).round()
    gains = torch.tensor([colouring.gains for colouring in colourings], device=device)[:, :, None, None]
    gamma, contrast = column([c.gamma for c in colourings]), column([c.contrast for c in colourings])
    rgb = (255 * ((rgb / 255 * gains).clamp(0, 1) ** gamma - 0.5) * contrast + 127.5).clamp(0, 255).round()
    luma = (rgb * torch.tensor(LUMA, device=device)[:, None, None]).sum(1, keepdim=True)
    rgb = luma + column([c.saturation for c in colourings]) * (rgb - luma)
    noise = torch.randn(rgb.shape, device=device, generator=generator)
    rgb = (rgb + noise * column([c.noise_std for c in colourings])).round().clamp(0, 255)
    packed = [number for number, colouring in enumerate(colourings) if colouring.quality is not None]
    if packed:
        where = torch.tensor(packed, device=device)
        rgb[where] = _compressed(rgb[where], [colourings[number].quality or 0 for number in packed])
    return rgb


def _blurred(rgb: Tensor, sigmas: list[float]) -> Tensor:
    """A Gaussian blur of each picture by its own sigma, cut at 3 of the largest; 0 leaves it."""
    reach = max(1, math.ceil(3 * max(sigmas)))
    steps = torch.arange(-reach, reach + 1, device=rgb.device)
    sigma = torch.tensor(sigmas, device=rgb.device).clamp(min=1e-3)[:, None]
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    weights = (weights / weights.sum(1, keepdim=True)).repeat_interleave(3, 0)  # (3 n, 2 reach + 1)
    n, channels, height, width = rgb.shape
    flat = rgb.reshape(1, n * channels, height, width)
    flat = functional.conv2d(
        functional.pad(flat, (0, 0, reach, reach), "replicate"), weights[:, None, :, None], groups=n * channels
    )
    flat = functional.conv2d(
        functional.pad(flat, (reach, reach, 0, 0), "replicate"), weights[:, None, None, :], groups=n * channels
    )
    return flat.reshape(rgb.shape)


def _compressed(rgb: Tensor, qualities: list[int]) -> Tensor:
    """What JPEG leaves of pictures: 8x8 cosine transforms of brightness and colour, quantised.

    Source: ITU-T T.81, annexes A and K; the scale of the tables by quality as the IJG's libjpeg has it. Departs: one
        table, that of brightness, for all three planes, and colour at full size. Sides must be multiples of 8.
    """
    n, _, height, width = rgb.shape
    device = rgb.device
    luma = (rgb * torch.tensor(LUMA, device=device)[:, None, None]).sum(1)
    blue, red = (rgb[:, 2] - luma) / 1.772, (rgb[:, 0] - luma) / 1.402
    planes = (
        torch.stack([luma - 128, blue, red], 1).reshape(n, 3, height // 8, 8, width // 8, 8).permute(0, 1, 2, 4, 3, 5)
    )
    k = torch.arange(8, device=device, dtype=torch.float32)
    basis = torch.cos((2 * k + 1) * k[:, None] * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    scales = torch.tensor([(5000 / q if q < 50 else 200 - 2 * q) / 100 for q in qualities], device=device)
    table = (torch.from_numpy(_LUMINANCE).to(device) * scales[:, None, None]).round().clamp(1, 255)[:, None, None, None]
    planes = basis.T @ ((basis @ planes @ basis.T / table).round() * table) @ basis
    luma, blue, red = planes.permute(0, 1, 2, 4, 3, 5).reshape(n, 3, height, width).unbind(1)
    luma = luma + 128
    r, b = luma + 1.402 * red, luma + 1.772 * blue
    g = (luma - LUMA[0] * r - LUMA[2] * b) / LUMA[1]
    return torch.stack([r, g, b], 1).round().clamp(0, 255)
