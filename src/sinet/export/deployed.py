"""The deployed form of a SINet: what is left of it after the exact rewrite (`sinet.export.deploy`).

The parameters, under the names that they have here, are the tensors of the artefact. Features are (1, c, h, w).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sinet.core.architecture import SINetConfig, check_size
from sinet.nets.blocks import upsample


class Act(nn.Module):
    """PReLU whose slopes are all at most 1, as max(x, a x)."""

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.slope = nn.Parameter(slope.reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.maximum(x, x * self.slope)


class FreeAct(nn.Module):
    """PReLU with slopes of any size, for maps of one pixel where its cost is nothing."""

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.slope = nn.Parameter(slope.reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x) - self.slope * torch.relu(-x)


class Affine(nn.Module):
    """One scale and one bias per channel."""

    def __init__(self, scale: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.scale = nn.Parameter(scale.reshape(1, -1, 1, 1))
        self.bias = nn.Parameter(bias.reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.bias


class Down(nn.Module):
    """Depthwise at stride 2, excitation by 1x1 convolutions, pointwise, activation."""

    def __init__(self, depthwise: nn.Conv2d, excitation: nn.Sequential, pointwise: nn.Conv2d, act: Act) -> None:
        super().__init__()
        self.depthwise, self.excitation, self.pointwise, self.act = depthwise, excitation, pointwise, act

    def forward(self, x: Tensor) -> Tensor:
        x = self.depthwise(x)
        return self.act(self.pointwise(x * self.excitation(x.mean((2, 3), keepdim=True))))


class Branch(nn.Module):
    """Pool, depthwise, activation, pointwise, enlarge."""

    def __init__(self, pool: int, depthwise: nn.Conv2d, act: Act, pointwise: nn.Conv2d) -> None:
        super().__init__()
        self.pool = pool
        self.depthwise, self.act, self.pointwise = depthwise, act, pointwise

    def forward(self, x: Tensor) -> Tensor:
        if self.pool == 1:
            return self.pointwise(self.act(self.depthwise(x)))
        x = functional.avg_pool2d(x, self.pool)
        return upsample(self.pointwise(self.act(self.depthwise(x))), self.pool)


class Squeeze(nn.Module):
    """Grouped pointwise, two branches, concatenation, scaled residual, activation."""

    def __init__(self, reduce: nn.Conv2d, branches: list[Branch], residual: Tensor | None, act: Act) -> None:
        super().__init__()
        self.reduce, self.branches, self.act = reduce, nn.ModuleList(branches), act
        self.residual = None if residual is None else nn.Parameter(residual.reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        reduced = self.reduce(x)
        joined = torch.cat([branch(reduced) for branch in self.branches], 1)
        return self.act(joined if self.residual is None else joined + x * self.residual)


class Stage(nn.Module):
    """Down, modules, concatenation with scale, bias and activation."""

    def __init__(self, down: Down, squeezes: list[Squeeze], join: Affine, act: Act) -> None:
        super().__init__()
        self.down, self.squeezes, self.join, self.act = down, nn.Sequential(*squeezes), join, act

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        down = self.down(x)
        features = self.squeezes(down)
        return features, self.act(self.join(torch.cat([down, features], 1)))


class Gate(nn.Module):
    """Information blocking, then scale and bias: s (coarse + detail (1 - confidence)) + b.

    The confidence is the largest class's probability; for two classes 1 - confidence is 1 / (1 + e^|difference|). The
    smaller of both differences is -|difference|, in operators that the smallest engines have.
    """

    def __init__(self, project: nn.Conv2d, act: Act, detail_scale: Tensor, fused: Affine) -> None:
        super().__init__()
        self.project, self.act, self.fused = project, act, fused
        self.detail_scale = nn.Parameter(detail_scale.reshape(1, -1, 1, 1))

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        if coarse.shape[1] == 2:
            background, person = coarse[:, :1], coarse[:, 1:]
            unsure = torch.sigmoid(torch.minimum(person - background, background - person))  # (1, 1, h, w)
        else:
            unsure = 1 - coarse.softmax(1).amax(1, keepdim=True)
        return self.fused(coarse) + self.act(self.project(skip)) * (unsure * self.detail_scale)


class DeployedSINet(nn.Module):
    """The rewritten network. Its parameters, under these names, are the tensors of the artefact."""

    def __init__(
        self,
        config: SINetConfig,
        stem: nn.Sequential,
        stages: list[Stage],
        coarse: nn.Conv2d,
        gate: Gate,
        head: nn.Conv2d,
    ) -> None:
        super().__init__()
        self.config = config
        self.stem, self.stages, self.coarse, self.gate, self.head = stem, nn.ModuleList(stages), coarse, gate, head

    def forward(self, image: Tensor) -> Tensor:
        """(1, 3, h, w) standardised image -> (1, 1, h, w) logit of person against background, or one of each class."""
        return self.head(upsample(upsample(self.fused(image), 2), 2))

    def fused(self, image: Tensor) -> Tensor:
        """Everything up to the gate: (1, 3, h, w) -> (1, classes, h/4, w/4)."""
        check_size((int(image.shape[2]), int(image.shape[3])), self.config.size_multiple)
        skip, x4 = self.stages[0](self.stem(image))
        _, x8 = self.stages[1](x4)
        return self.gate(upsample(self.coarse(x8), 2), skip)
