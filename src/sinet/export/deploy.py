"""The exact rewrite of a trained portrait SINet into the form that every runtime and exporter takes.

Nothing is approximated: the rewritten network computes the same function, up to the rounding of float32.

1. Weights below the smallest normal float32 become zero. They come from batch norm scales that decayed to nothing, and
   some processors compute with them a hundred times slower.
2. Batch norm is folded into the convolution before it; across a bilinear enlargement too, since enlarging keeps
   constants. After a residual it stays as one scale on the residual path.
3. The channel shuffle disappears into the order of the weights that follow it.
4. PReLU becomes max(x, a x), which equals it wherever a <= 1. A channel with a > 1 is first turned over: its producer is
   scaled by -a, its slope becomes 1 / a, and every consumer, all linear in it, is scaled by -1.
5. The gate 1 - max(softmax) of two classes becomes sigmoid(-|difference|), and the head gives one logit, the difference
   person - background, instead of two; both by plain broadcasting.
6. The two enlargements and the 3x3 convolution at the end are linear in each axis, so they become two products with
   constant matrices, made for the input size at hand.

Source of the rewrite: derived here; what each step is worth is measured in docs/explanation/rewrite.md.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from sinet.core.architecture import SINetConfig, check_size
from sinet.core.errors import ModelError
from sinet.nets.blocks import DownSample, NormAct, SpatialSqueeze, SpatialSqueezeBlock, upsample
from sinet.nets.sinet import SINet


class Act(nn.Module):
    """PReLU whose slopes are all at most 1, as max(x, a x)."""

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.slope = nn.Parameter(slope.reshape(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.maximum(x, x * self.slope)


class DeployedDown(nn.Module):
    """Depthwise at stride 2, excitation, pointwise with bias, activation."""

    def __init__(self, depthwise: nn.Conv2d, excitation: nn.Sequential, pointwise: nn.Conv2d, act: Act) -> None:
        super().__init__()
        self.depthwise, self.excitation, self.pointwise, self.act = depthwise, excitation, pointwise, act

    def forward(self, x: Tensor) -> Tensor:
        x = self.depthwise(x)
        gate = x.mean((2, 3), keepdim=True)
        return self.act(self.pointwise(x * self.excitation(gate)))


class DeployedBranch(nn.Module):
    """Pool, depthwise with bias, activation, pointwise with bias, enlarge."""

    def __init__(self, pool: int, depthwise: nn.Conv2d, act: Act, pointwise: nn.Conv2d) -> None:
        super().__init__()
        self.pool = pool
        self.depthwise, self.act, self.pointwise = depthwise, act, pointwise

    def forward(self, x: Tensor) -> Tensor:
        if self.pool == 1:
            return self.pointwise(self.act(self.depthwise(x)))
        x = functional.avg_pool2d(x, self.pool)
        return upsample(self.pointwise(self.act(self.depthwise(x))), self.pool)


class DeployedSqueeze(nn.Module):
    """Grouped pointwise, two branches, concatenation, scaled residual, activation."""

    def __init__(self, reduce: nn.Conv2d, branches: list[DeployedBranch], residual: Tensor | None, act: Act) -> None:
        super().__init__()
        self.reduce, self.branches, self.act = reduce, nn.ModuleList(branches), act
        self.residual = None if residual is None else nn.Parameter(residual.reshape(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        reduced = self.reduce(x)
        joined = torch.cat([branch(reduced) for branch in self.branches], 1)
        return self.act(joined if self.residual is None else joined + x * self.residual)


class DeployedStage(nn.Module):
    """Down, modules, concatenation with scale, bias and activation."""

    def __init__(self, down: DeployedDown, squeezes: list[DeployedSqueeze], affine: "Affine", act: Act) -> None:
        super().__init__()
        self.down, self.modules_, self.join, self.act = down, nn.Sequential(*squeezes), affine, act

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        down = self.down(x)
        features = self.modules_(down)
        return features, self.act(self.join(torch.cat([down, features], 1)))


class Affine(nn.Module):
    """One scale and one bias per channel."""

    def __init__(self, scale: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.scale = nn.Parameter(scale.reshape(-1, 1, 1))
        self.bias = nn.Parameter(bias.reshape(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.bias


class DeployedSINet(nn.Module):
    """The rewritten portrait network: image (1, 3, h, w) -> one logit (1, 1, h, w), person against background.

    Its parameters, under these names, are the tensors of the artefact.
    """

    def __init__(self, config: SINetConfig, parts: dict[str, nn.Module]) -> None:
        super().__init__()
        self.config = config
        self.stem, self.stem_act = parts["stem"], parts["stem_act"]
        self.stage1, self.stage2 = parts["stage1"], parts["stage2"]
        self.coarse = parts["coarse"]
        self.project, self.project_act = parts["project"], parts["project_act"]
        self.fused, self.head = parts["fused"], parts["head"]

    def forward(self, image: Tensor) -> Tensor:
        size = (int(image.shape[2]), int(image.shape[3]))
        check_size(size, self.config.size_multiple)
        skip, x4 = self.stage1(self.stem_act(self.stem(image)))
        _, x8 = self.stage2(x4)
        coarse = upsample(self.coarse(x8), 2)  # (1, 2, h/4, w/4)
        unsure = torch.sigmoid(-(coarse[:, 1:] - coarse[:, :1]).abs())  # 1 - confidence, (1, 1, h/4, w/4)
        fused = self.fused(coarse + self.project_act(self.project(skip)) * unsure)
        return self._enlarge(fused, size)

    def _enlarge(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Both enlargements and the 3x3 convolution, as one product per axis."""
        classes = x.shape[1]
        kernel = self.head.weight[0]  # (k, 3, 3)
        rows = enlarge_matrix(size[0]) @ torch.eye(size[0] // 4)  # (h, h/4)
        columns = enlarge_matrix(size[1])  # (w, w/4)
        # Columns first: for each class and each of the three kernel rows, that row's weights over shifted columns.
        right = torch.stack([kernel[k] @ shifted(columns).flatten(1) for k in range(classes)])  # (k, 3, w * w/4)
        right = right.reshape(classes, 3, size[1], -1).permute(0, 3, 1, 2).reshape(classes, size[1] // 4, -1)
        left = shifted(rows).permute(1, 0, 2)  # (h, 3, h/4)
        left = left.repeat(1, classes, 1).reshape(size[0], -1)  # (h, k * 3 * h/4)
        wide = x[0] @ right  # (k, h/4, 3 * w)
        wide = wide.reshape(classes, size[0] // 4, 3, size[1]).permute(0, 2, 1, 3)
        return (left @ wide.reshape(-1, size[1]))[None, None]


def enlarge_matrix(size: int) -> Tensor:
    """The matrix (size, size / 4) of two bilinear doublings with aligned corners, one axis."""
    identity = torch.eye(size // 4)[None]  # columns are the unit impulses
    twice = functional.interpolate(identity, size // 2, mode="linear", align_corners=True)
    return functional.interpolate(twice, size, mode="linear", align_corners=True)[0].T.contiguous()


def shifted(matrix: Tensor) -> Tensor:
    """The three row-shifted copies (3, n, m) that a zero-padded kernel of 3 reads: previous, same, next."""
    padded = functional.pad(matrix, (0, 0, 1, 1))
    return torch.stack([padded[i : i + len(matrix)] for i in range(3)])
