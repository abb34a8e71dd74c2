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


class BareStage(nn.Module):
    """Down and no more: a stage without modules."""

    def __init__(self, down: Down) -> None:
        super().__init__()
        self.down = down

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        down = self.down(x)
        return down, down


def doubt(coarse: Tensor) -> Tensor:
    """1 - confidence, (1, 1, h, w), of logits (1, k, h, w); the confidence is the largest class's probability.

    For two classes it is 1 / (1 + e^|difference|). The smaller of both differences is -|difference|, in operators that
    the smallest engines have.
    """
    if coarse.shape[1] == 2:
        background, person = coarse[:, :1], coarse[:, 1:]
        return torch.sigmoid(torch.minimum(person - background, background - person))
    return 1 - coarse.softmax(1).amax(1, keepdim=True)


class Gate(nn.Module):
    """Information blocking, then scale and bias: s (coarse + detail (1 - confidence)) + b."""

    def __init__(self, project: nn.Conv2d, act: Act, detail_scale: Tensor, fused: Affine) -> None:
        super().__init__()
        self.project, self.act, self.fused = project, act, fused
        self.detail_scale = nn.Parameter(detail_scale.reshape(1, -1, 1, 1))

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        return self.fused(coarse) + self.act(self.project(skip)) * (doubt(coarse) * self.detail_scale)


class FineGate(nn.Module):
    """Information blocking whose detail is the first stage's features as they are but for their signs."""

    def __init__(self, detail_scale: Tensor) -> None:
        super().__init__()
        self.detail_scale = nn.Parameter(detail_scale.reshape(1, -1, 1, 1))

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        return coarse + skip * (doubt(coarse) * self.detail_scale)


class DeployedSINet(nn.Module):
    """The rewritten network. Its parameters, under these names, are the tensors of the artefact.

    Args:
        config: the row that it was built from.
        stem: convolution at stride 2 and activation.
        stages: one `BareStage` for each stage without modules.
        coarse: pointwise, to the classes, at the last stage's stride.
        gate: the coarser one, at half that stride.
        fine_gate: the one at stride 4, where there are three stages.
        head: 3x3 after two more enlargements, or transposed 2x2 after one.
    """

    def __init__(
        self,
        config: SINetConfig,
        stem: nn.Sequential,
        stages: list[Stage | BareStage],
        coarse: nn.Conv2d,
        gate: Gate,
        fine_gate: FineGate | None,
        head: nn.Conv2d | nn.ConvTranspose2d,
    ) -> None:
        super().__init__()
        self.config = config
        self.stem, self.stages, self.coarse, self.gate, self.head = stem, nn.ModuleList(stages), coarse, gate, head
        self.fine_gate = fine_gate

    @property
    def outputs(self) -> int:
        """Maps that it answers with: 1 for two classes, else one of each class."""
        return 1 if self.config.classes == 2 else self.config.classes

    def forward(self, image: Tensor) -> Tensor:
        """(1, 3, h, w) standardised image -> (1, outputs, h/s, w/s); s is `config.output_stride`.

        With one output it is the logit of person against background, else each class has its own.
        """
        x, raw = self.fused(image)
        x = self._double(x)
        if self.fine_gate is not None:
            x = self.fine_gate(x, raw)
        return self.head(x if self.config.head == "transposed" else self._double(x))

    def fused(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Everything up to the coarser gate.

        Returns:
            (1, classes, h/4, w/4), or h/8, w/8 with three stages; and the first stage's features, (1, c, h/4, w/4).
        """
        if not torch.compiler.is_exporting():  # a size that is left free there has no number to check
            check_size((int(image.shape[2]), int(image.shape[3])), self.config.size_multiple)
        x, skips = self.stem(image), list[Tensor]()
        for stage in self.stages:
            skip, x = stage(x)
            skips.append(skip)
        return self.gate(self._double(self.coarse(x)), skips[-2]), skips[0]

    def _double(self, x: Tensor) -> Tensor:
        return upsample(x, 2, aligned=self.config.aligned_corners)
