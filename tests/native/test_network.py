"""The network in the engine: any member of the family, on any number of threads, in memory that stays bounded.

That it computes the trained function is `test_parity.py`.
"""

import dataclasses
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import pytest

from native.inputs import PICTURES, TOLERANCE, probability
from sinet.core.architecture import CITYSCAPES
from sinet.core.errors import EngineError, ShapeError
from sinet.core.preprocess import preprocess
from sinet.native import network as network_module
from sinet.native.library import aligned_memory, instruction_sets, pointer
from sinet.native.network import Network
from sinet.runtime.catalog import find_model, model_path, names

FLAT = {"black", "white", "grey", "red"}
ISAS = list(range(len(instruction_sets())))


def packaged(name: str, **options: int) -> Network:
    return Network(model_path(name, ".safetensors").read_bytes(), **options)


def noise(size: tuple[int, int] = (64, 96), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.004, (1, 3, *size)).astype(np.float32)


@pytest.mark.parametrize("name", names())
def test_it_is_the_onnx_files_function(name: str) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    from sinet.runtime.onnx import OnnxBackend

    file = find_model(name, engine="onnx")
    other, networks = OnnxBackend(file), [packaged(name, isa=isa) for isa in ISAS]
    for number, (what, _, draw) in enumerate(PICTURES):
        size = file.spec.preprocess.size
        x, _ = preprocess(draw(size, np.random.default_rng(number)), file.spec.preprocess)
        expected = probability(other.run(x))
        # On a flat colour large numbers cancel; there ONNX Runtime itself is up to 2e-4 away from torch.
        tolerance = 5e-4 if what in FLAT else 2 * TOLERANCE
        for network in networks:
            difference = np.abs(probability(network.run(x)) - expected).max()
            assert difference <= tolerance, f"{what}, {network.isa}"


@pytest.mark.torch
@pytest.mark.parametrize("relu", [False, True], ids=["prelu", "relu"])
def test_it_runs_any_member_of_the_family(family_member, relu: bool, random_network, tmp_path) -> None:
    torch = pytest.importorskip("torch")
    from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec
    from sinet.export.artefact import save_artefact
    from sinet.export.deploy import deploy

    multiple = family_member.size_multiple
    trained = random_network(3, family_member, relu=relu)
    spec = ModelSpec(
        name="drawn",
        preprocess=PreprocessSpec((multiple, multiple), "nchw", "rgb", (0, 0, 0), (1, 1, 1)),
        output=OutputSpec("nchw", "sigmoid", 0),
        licence="MIT",
        origin="drawn by chance",
        network=family_member,
    )
    path = tmp_path / "drawn.safetensors"
    save_artefact(deploy(trained), spec, path)
    trained.double()
    networks = [Network(path.read_bytes(), isa=isa) for isa in ISAS]
    multiple = networks[0].multiple
    assert multiple % family_member.size_multiple == 0
    for rows, columns in [(1, 1), (2, 1), (1, 3), (4, 5)]:
        x = torch.randn(1, 3, rows * multiple, columns * multiple, generator=torch.Generator().manual_seed(rows))
        with torch.no_grad():
            logits = trained(x.double()).numpy()
        expected = logits[:, 1:] - logits[:, :1] if family_member.classes == 2 else logits
        for network in networks:
            answer = network.run(x.numpy())
            assert answer.shape == expected.shape
            # Random weights let sums of thousands cancel; float32 rounds in proportion to what it sums.
            assert np.abs(answer - expected).max() <= 1e-5 * np.abs(logits).max(), f"{rows}x{columns} {network.isa}"


def test_values_without_measure_give_no_poison() -> None:
    """What no picture can hold: the largest inputs that still have a finite answer have one."""
    for isa in ISAS:
        network = packaged("portrait-official", isa=isa)
        for value in (1e4, -1e4, 1e-45, 0):
            assert np.isfinite(network.run(np.full((1, 3, 32, 64), value, np.float32))).all()


def test_two_threads_agree_bit_for_bit_with_one() -> None:
    network = packaged("portrait-official")
    inputs = [noise((32 * (1 + i % 4), 32 * (1 + i % 3)), i) for i in range(24)]
    expected = [network.run(x) for x in inputs]
    together = threading.Barrier(2)

    def run_all(_: int) -> list[np.ndarray]:
        together.wait(10)
        return [network.run(x) for _ in range(4) for x in inputs]

    with ThreadPoolExecutor(2) as pool:
        for answers in pool.map(run_all, range(2)):
            for answer, one in zip(answers, 4 * expected, strict=True):
                np.testing.assert_array_equal(answer, one)


@pytest.mark.parametrize("threads", [2, 3, 4])
@pytest.mark.parametrize("isa", ISAS)
def test_a_run_shared_by_threads_agrees_bit_for_bit(threads: int, isa: int, monkeypatch) -> None:
    monkeypatch.setattr(network_module, "usable_cores", lambda: threads)  # spinning on fewer cores is slow, not wrong
    alone, shared = packaged("portrait-official", isa=isa), packaged("portrait-official", isa=isa, threads=threads)
    for size in [(32, 32), (32, 96), (160, 32), (224, 224)]:
        np.testing.assert_array_equal(shared.run(noise(size)), alone.run(noise(size)))


@pytest.mark.parametrize("member", ["street", "three stages", "bare"])
@pytest.mark.parametrize("isa", ISAS)
def test_other_forms_shared_by_threads_agree_bit_for_bit(
    member: str, isa: int, members: ModuleType, monkeypatch
) -> None:
    monkeypatch.setattr(network_module, "usable_cores", lambda: 3)
    file = members.artefact(members.MEMBERS[member])
    alone, shared = Network(file, isa=isa), Network(file, isa=isa, threads=3)
    for rows, columns in [(1, 1), (1, 3), (3, 2)]:
        x = noise((rows * alone.multiple, columns * alone.multiple))
        np.testing.assert_array_equal(shared.run(x), alone.run(x))


@pytest.mark.torch
@pytest.mark.shared
def test_it_is_the_authors_street_network(shared, tmp_path) -> None:
    pytest.importorskip("torch")
    from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec
    from sinet.export.artefact import save_artefact
    from sinet.export.deploy import deploy
    from sinet.nets.checkpoints import load_published

    trained = load_published(shared / "weights" / "official" / "sinet_cityscapes.pth", "cityscapes")
    golden = np.load(shared / "golden" / "sinet_cityscapes_official.npz")
    preprocess = PreprocessSpec((256, 512), "nchw", "rgb", (0, 0, 0), (1, 1, 1))
    spec = ModelSpec("street", preprocess, OutputSpec("nchw", "softmax", 11), "MIT", "the authors", CITYSCAPES)
    path = tmp_path / "street.safetensors"
    save_artefact(deploy(trained), spec, path)
    expected = golden["logits_noise"]
    for isa in ISAS:
        network = Network(path.read_bytes(), isa=isa)
        assert (network.multiple, network.outputs, network.output_stride) == (128, 19, 2)
        answer = network.run(golden["input_noise"])
        assert answer.shape == expected.shape
        assert np.abs(answer - expected).max() / np.abs(expected).max() < 1e-5
        assert (answer.argmax(1) == expected.argmax(1)).mean() > 0.9999


def test_no_more_threads_than_cores(monkeypatch) -> None:
    monkeypatch.setattr(network_module, "usable_cores", lambda: 1)
    network = packaged("portrait-official", threads=64)
    network.run(noise())
    assert [workspace.crew for workspace in network._idle.values()] == [None]
    with pytest.raises(EngineError, match="1 thread or more, not 0"):
        packaged("portrait-official", threads=0)


def test_no_more_threads_than_the_engine_takes(monkeypatch) -> None:
    monkeypatch.setattr(network_module, "usable_cores", lambda: 128)
    network = packaged("portrait-official", threads=128)
    assert network_module.Workspace(network._model, (32, 32), network._threads).bytes > 0


def test_pythons_lock_is_free_meanwhile() -> None:
    network, x, stop, counted = packaged("portrait-official", isa=0), noise((1024, 1024)), threading.Event(), [0]

    def count() -> None:
        while not stop.is_set():
            counted[0] += 1

    network.run(x)
    counter = threading.Thread(target=count)
    counter.start()
    try:
        before = counted[0]
        network.run(x)
        assert counted[0] - before > 1000  # a thread that must wait for the lock counts to nothing
    finally:
        stop.set()
        counter.join()


def test_every_answer_has_memory_of_its_own() -> None:
    network, x = packaged("portrait-official"), noise()
    kept = x.copy()
    first = network.run(x)
    copied = first.copy()
    network.run(noise(seed=1))
    np.testing.assert_array_equal(first, copied)
    np.testing.assert_array_equal(x, kept)


def test_any_layout_in_memory_is_the_same_input() -> None:
    network, x = packaged("portrait-official"), noise()
    expected = network.run(x)
    for same in (np.asfortranarray(x), np.repeat(x, 2, axis=3)[..., ::2], x[:, ::-1].copy()[:, ::-1]):
        assert not same.flags.c_contiguous
        np.testing.assert_array_equal(network.run(same), expected)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((1, 3, 33, 64), np.float32), "33x64 .* multiples of 32; resize to 32x64 or 64x64"),
        (np.zeros((1, 3, 0, 64), np.float32), "0x64 .* multiples of 32"),
        (np.zeros((1, 1, 32, 32), np.float32), r"expected an input \(1, 3, h, w\) float32, got \(1, 1, 32, 32\)"),
        (np.zeros((2, 3, 32, 32), np.float32), r"got \(2, 3, 32, 32\)"),
        (np.zeros((3, 32, 32), np.float32), r"got \(3, 32, 32\)"),
        (np.zeros((1, 3, 32, 32)), "got .* float64"),
        (np.broadcast_to(np.float32(0), (1, 3, 32, 2**20)), "refuses an input of 32x1048576"),
    ],
)
def test_another_input_is_refused_in_a_sentence(x: np.ndarray, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        packaged("portrait-official").run(x)


def test_an_instruction_set_that_is_not_there_is_refused() -> None:
    for isa in (-1, len(ISAS)):
        with pytest.raises(EngineError) as caught:
            packaged("portrait-official", isa=isa)
        assert caught.value.code == -6


def test_workspaces_are_used_again_and_bounded(monkeypatch) -> None:
    made: list[tuple[int, int]] = []
    make = network_module.Workspace

    def counted(model, size, threads):
        made.append(size)
        return make(model, size, threads)

    monkeypatch.setattr(network_module, "Workspace", counted)
    network = packaged("portrait-official")
    for _ in range(5):
        network.run(noise((32, 32)))
        network.run(noise((64, 32)))
    assert made == [(32, 32), (64, 32)]
    for _ in range(8):  # threads that come and go leave nothing behind
        thread = threading.Thread(target=network.run, args=(noise((32, 32)),))
        thread.start()
        thread.join()
    assert len(made) == 2

    held = sum(workspace.bytes for workspace in network._idle.values())
    monkeypatch.setattr(network_module, "IDLE_BYTES", held)
    for side in range(32, 512, 32):
        network.run(noise((side, 32)))
        waiting = list(network._idle.values())
        assert len(waiting) == 1 or sum(workspace.bytes for workspace in waiting) <= held
    assert waiting[-1].size == (480, 32)


def test_the_steps_in_order_are_the_run(members: ModuleType) -> None:
    small = [Network(members.artefact(members.MEMBERS[name])) for name in ("residual", "street", "three stages")]
    networks = [packaged("portrait-official"), *small]
    for network in networks:
        x = noise((2 * network.multiple, network.multiple))
        steps, logits = network.steps(x)
        assert len(steps) > 8
        assert all(steps), "a step without a name"
        for _ in range(2):
            logits[:] = np.nan
            for compute in steps.values():
                compute()
            np.testing.assert_array_equal(logits, network.run(x))


def test_a_network_outlives_its_file(members: ModuleType) -> None:
    content = bytearray(members.artefact(members.MEMBERS["residual"]))
    network, whole = Network(bytes(content)), Network(content)  # type: ignore[arg-type]
    x = np.random.default_rng(0).standard_normal((1, 3, network.multiple, network.multiple)).astype(np.float32)
    expected = network.run(x)
    content[:] = bytes(len(content))
    np.testing.assert_array_equal(whole.run(x), expected)


@pytest.mark.parametrize("member", ["smallest", "classes", "odd", "street", "three stages", "bare"])
@pytest.mark.parametrize("isa", ISAS)
def test_small_members_agree_between_instruction_sets(member: str, isa: int, members: ModuleType) -> None:
    file = members.artefact(members.MEMBERS[member], seed=2)
    plain, fast = Network(file, isa=0), Network(file, isa=isa)
    rng = np.random.default_rng(1)
    for rows, columns in [(1, 1), (1, 2), (3, 1)]:
        x = rng.standard_normal((1, 3, rows * plain.multiple, columns * plain.multiple)).astype(np.float32)
        expected = plain.run(x)
        assert np.ptp(expected) > 0
        assert np.abs(fast.run(x) - expected).max() <= 1e-5 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("isa", ISAS)
def test_the_widest_down_sampling_stays_in_its_workspace(isa: int, members: ModuleType) -> None:
    config = members.MEMBERS["smallest"]
    wide = dataclasses.replace(config.stages[0], down=1024)  # its weights are what a thread needs most memory for
    network = Network(members.artefact(dataclasses.replace(config, stem=12, stages=(wide, config.stages[1]))), isa=isa)
    workspace, x, logits = (
        network_module.Workspace(network._model, (32, 32), 1),
        noise((32, 32)),
        np.empty((32, 32), np.float32),
    )
    memory = aligned_memory(workspace.bytes + 2**16)
    memory[:] = 0xA5
    network_module._workspace_prepare(workspace.model, 32, 32, 1, pointer(memory), workspace.bytes)
    network_module._run(workspace.model, pointer(memory), pointer(x), pointer(logits))
    assert (memory[workspace.bytes :] == 0xA5).all()


def test_outputs_follow_the_classes(members: ModuleType) -> None:
    for classes, outputs in [(2, 1), (3, 3), (5, 5)]:
        config = dataclasses.replace(members.MEMBERS["classes"], classes=classes)
        assert Network(members.artefact(config)).outputs == outputs
    with pytest.raises(EngineError, match="configuration"):  # with one class the gate lets nothing pass
        Network(members.artefact(dataclasses.replace(config, classes=1)))


@pytest.mark.parametrize("ending", ["", "raise SystemExit(0)", "import signal; signal.raise_signal(signal.SIGINT)"])
def test_the_process_ends_in_the_midst_of_shared_runs(ending: str) -> None:
    code = f"""
import threading, time
import numpy as np
from sinet.native import network
from sinet.runtime.catalog import model_path
network.usable_cores = lambda: 2
shared = network.Network(model_path("portrait-official", ".safetensors").read_bytes(), threads=2)
x = np.zeros((1, 3, 64, 64), np.float32)
def work():
    while True:
        shared.run(x)
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
{ending}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.returncode == (-2 if "SIGINT" in ending else 0)
    assert done.stderr.count("Traceback") == ("SIGINT" in ending)
