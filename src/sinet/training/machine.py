"""The machine a run stands on: processors, precision, threads, compilation. None of it is part of the recipe's numbers.

Lightning Fabric puts the network where it is to run and joins the processes that torchrun started; what it is told here
is all that differs between one CPU, one GPU, several, and several machines.
"""

import os
from collections.abc import Callable
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from sinet.core.errors import SpecError
from sinet.native.memory import keep_freed_memory
from sinet.nets.sinet import SINet
from sinet.training.engine import EngineStep
from sinet.training.losses import class_loss, segmentation_loss
from sinet.training.recipe import Recipe
from sinet.training.synced import synchronise

PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"32": "32-true", "bf16": "bf16-mixed"}
"""A recipe's word -> Fabric's."""


def processes_of_torchrun() -> tuple[int, int]:
    """(processes on this machine, machines), as torchrun set them; (1, 1) where it did not start this one."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return here, int(os.environ.get("WORLD_SIZE", "1")) // here


class Machine:
    """One process of a run, and how it works with the others, if there are any.

    Args:
        accelerator: "cpu", "cuda", or "auto" for the best that is there.
        devices: processes on this machine; under torchrun as many as it started.
        nodes: machines.
        precision: as in a recipe.
        compiled: fuse the network's small operations with torch's compiler, channels last; sums are then taken in
            another order, so that a compiled run repeats itself but not, bit for bit, one that is not.
        threads: for the network on a CPU, or None for torch's choice.
        augment: where pictures are disturbed: "cpu"; "device", where the network runs; or "auto", there if it is a GPU.

    Attributes:
        rank: number of this process, from 0.
        processes: how many there are in all.
        device: where batches must lie.
    """

    def __init__(
        self,
        accelerator: str = "cpu",
        devices: int = 1,
        nodes: int = 1,
        *,
        precision: str = "32",
        compiled: bool = False,
        threads: int | None = None,
        augment: str = "auto",
    ) -> None:
        # The community's weights hold values whose products are denormal, which cost a CPU ten times the time.
        torch.set_flush_denormal(True)
        keep_freed_memory()
        if threads is not None:
            torch.set_num_threads(threads)
        several = devices * nodes > 1
        self._compiled, self._threads, self._augment = compiled, threads, augment
        self._engine: EngineStep | None = None
        self._fabric = Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy="ddp" if several else "auto",
            precision=PRECISIONS[precision],
        )
        if several:
            self._fabric.launch()
        self.rank, self.processes = self._fabric.global_rank, self._fabric.world_size
        self.device = self._fabric.device
        self._ready: tuple[nn.Module, Any, Any] | None = None

    @property
    def first(self) -> bool:
        """Whether this process saves, measures and speaks."""
        return self.rank == 0

    def augments_there(self, recipe: Recipe) -> bool:
        """Whether pictures are disturbed where the network runs. By itself a GPU does, unless as the paper does it."""
        if self._augment == "auto":
            return self.device.type == "cuda" and recipe.paper_augment is None
        return self._augment == "device"

    def check_batch(self, batch: int) -> None:
        """Refuse a batch that the processes cannot share evenly.

        Raises:
            SpecError: it does not divide by their number.
        """
        if batch % self.processes:
            raise SpecError(
                f"schedule.batch: {batch} pictures cannot be shared evenly by {self.processes} processes; "
                "give a multiple, or other --devices"
            )

    def ready(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[Callable[[Tensor], Any], Any]:
        """The network and its optimiser as they are to be used here; made ready once, their parameters are shared."""
        if self._ready is None or self._ready[0] is not network:
            if self.processes > 1:
                synchronise(network)
            if self._compiled:
                network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] torch leaves it untyped
            called: Any = torch.compile(network) if self._compiled else network
            wrapped, stepping = self._fabric.setup(called, optimiser)
            for state in optimiser.state.values():  # a resumed one was read before its network moved
                state.update({key: value.to(self.device) for key, value in state.items() if key != "step"})
            self._ready = network, wrapped, stepping
        return self._ready[1], self._ready[2]

    def learn(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        images: Tensor,
        labels: Tensor,
        recipe: Recipe,
        weights: Tensor | None = None,
    ) -> float:
        """One step of the optimiser on this process's part of a batch; the loss of the whole batch before it.

        Args:
            network: what is trained, of which the optimiser has the parameters.
            optimiser: its optimiser.
            images: (n, 3, h, w) float32.
            labels: (n, h, w) int64, of the size of the network's answer; with classes, of its input.
            recipe: its loss, and its schedule for clipping.
            weights: (k,) of the classes, or None.
        """
        row, clip = recipe.loss, recipe.schedule.clip
        if self._engine is not None and isinstance(network, SINet):
            loss = self._engine.run(network, images, labels, row.boundary, row.band_px)
            if clip > 0:
                nn.utils.clip_grad_norm_(network.parameters(), clip)
            optimiser.step()
            return loss
        forward, stepping = self.ready(network, optimiser)
        weights = None if weights is None else weights.to(images.device)
        loss = loss_of(forward(images), labels, recipe, weights)
        optimiser.zero_grad()
        self.backward(loss, forward, stepping, clip)
        return self.mean(loss)

    def use_engine(self, recipe: Recipe) -> None:
        """Take steps by the training engine, in C, instead of torch.

        Raises:
            SpecError: its norms are not fixed, its network is not one of the SINet family, or this is not one process
                on a CPU in float32.
            EngineError: the engine is not there, or does not know the network or its size.
        """
        config = recipe.entry.config
        if recipe.classes:
            raise SpecError("--engine: knows a person and the background alone; leave it out where classes are named")
        if config is None or recipe.schedule.norms != "fixed":
            raise SpecError(
                f"--engine: trains networks of the SINet family with schedule.norms = fixed, got {recipe.network} with "
                f"{recipe.schedule.norms}; change the recipe, or leave --engine out"
            )
        if recipe.schedule.quantised is not None or recipe.loss.teacher:
            raise SpecError(
                "--engine: computes in float32 from labels; leave it out, or schedule.quantised and loss.teacher"
            )
        if recipe.loss.class_offset is not None or recipe.encoder_first is not None:
            raise SpecError("--engine: knows no loss.class_offset and no encoder_first; leave them out, or --engine")
        if self.processes > 1 or self.device.type != "cpu" or recipe.schedule.precision != "32":
            raise SpecError("--engine: is for one process on a CPU in float32; leave it out, or give --accelerator cpu")
        self._engine = EngineStep(config, recipe.preprocess.size, self._threads or 1)

    def backward(self, loss: Tensor, network: Any, optimiser: Any, clip: float) -> None:
        """Gradients of all processes together, clipped to a norm unless that is 0, and one step."""
        self._fabric.backward(loss)
        if clip > 0:
            self._fabric.clip_gradients(network, optimiser, max_norm=clip, error_if_nonfinite=False)
        optimiser.step()

    def mean(self, value: Tensor) -> float:
        """The mean of one number over all processes."""
        if self.processes == 1:
            return value.item()
        reduced = self._fabric.all_reduce(value.detach(), reduce_op="mean")
        assert isinstance(reduced, Tensor)
        return reduced.item()

    def any_says(self, value: bool) -> bool:
        """Whether any process says so. All wait for it; where there is one, nothing is asked of the device."""
        return value if self.processes == 1 else self.mean(torch.tensor(float(value), device=self.device)) > 0

    def check_step(self, step: int) -> None:
        """Refuse to begin where processes are at different steps: some found a checkpoint and some none.

        Raises:
            SpecError: they are.
        """
        if self.mean(torch.tensor(step, dtype=torch.float64, device=self.device)) != step:
            raise SpecError(
                f"one process begins at step {step}, another elsewhere; put the run's folder where all machines see it"
            )


def loss_of(answer: Any, labels: Tensor, recipe: Recipe, weights: Tensor | None) -> Tensor:
    """What a recipe minimises.

    Args:
        answer: logits, or those and coarser or a teacher's, as `sinet.training.stages.trained_in` gives them.
        labels: (n, h, w) int64.
        recipe: for its loss.
        weights: (k,) of the classes, or None.
    """
    row = recipe.loss
    if not recipe.classes:
        logits, taught = answer if row.teacher else (answer, None)
        return segmentation_loss(logits, labels, row.boundary, row.band_px, weights, taught, row.teacher)
    logits, coarse = answer if row.auxiliary else (answer, None)
    return class_loss(logits, labels, coarse, row.auxiliary, weights)
