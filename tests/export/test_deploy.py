"""The rewrite computes the same function, and so does every file that comes of it."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sinet.core.architecture import CITYSCAPES, PORTRAIT, with_classes  # noqa: E402
from sinet.core.errors import ModelError  # noqa: E402
from sinet.core.preprocess import preprocess  # noqa: E402
from sinet.core.spec import ModelSpec, OutputSpec, PreprocessSpec  # noqa: E402
from sinet.export.build import PORTRAITS  # noqa: E402
from sinet.export.deploy import deploy, turn  # noqa: E402
from sinet.export.deployed import Act  # noqa: E402
from sinet.export.onnx import BlockedAct, blocked, enlarge_matrix, export_onnx  # noqa: E402
from sinet.media.image import load_image  # noqa: E402
from sinet.nets.checkpoints import load_network, load_published  # noqa: E402

pytestmark = pytest.mark.torch
TOLERANCE = 1e-4  # in probability; docs/adr/0008


def probability(logits: torch.Tensor) -> np.ndarray:
    if logits.shape[1] == 2:
        return logits.double().softmax(1)[:, 1].numpy()
    return logits.double().sigmoid()[:, 0].numpy()


def inputs(side: int, portrait_path, spec) -> list[torch.Tensor]:
    rng = np.random.default_rng(0)
    pictures = [load_image(portrait_path).rgb, *rng.integers(0, 256, (3, 200, 150, 3), np.uint8)]
    pictures += [np.zeros((9, 9, 3), np.uint8), np.full((9, 9, 3), 255, np.uint8)]
    made = [torch.from_numpy(preprocess(rgb, spec.preprocess)[0]) for rgb in pictures]
    return [*made, torch.randn(1, 3, 160, 288, generator=torch.Generator().manual_seed(side)) / 128]


@pytest.fixture(scope="module", params=range(len(PORTRAITS)), ids=[source.name for source in PORTRAITS])
def published(request, root):
    source = PORTRAITS[request.param]
    return source, load_network(root / "weights" / source.checkpoint)


def test_published_weights_keep_their_function(published, portrait_path) -> None:
    source, network = published
    deployed = deploy(network)
    with torch.no_grad():
        for x in inputs(source.preprocess.size[0], portrait_path, source.spec):
            difference = np.abs(probability(deployed(x)) - probability(network(x)))
            assert difference.max() < TOLERANCE


def test_real_pictures_keep_their_masks(published, shared) -> None:
    source, network = published
    deployed = deploy(network)
    paths = sorted((shared / "data" / "eg1800" / "images").iterdir())[:400:40]
    with torch.no_grad():
        for path in paths:
            x = torch.from_numpy(preprocess(load_image(path).rgb, source.spec.preprocess)[0])
            assert np.abs(probability(deployed(x)) - probability(network(x))).max() < TOLERANCE, path.name


def difference(answer: torch.Tensor, logits: torch.Tensor) -> float:
    """Largest difference between a deployed and a trained network's answer, as a part of the largest logit."""
    expected = logits[:, 1:] - logits[:, :1] if logits.shape[1] == 2 else logits
    assert answer.shape == expected.shape
    return float((answer - expected).abs().max() / logits.abs().max())


@pytest.mark.parametrize("seed", range(4))
def test_any_network_keeps_its_function(seed: int, random_network) -> None:
    network = random_network(seed).double()
    x = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    with torch.no_grad():
        assert difference(deploy(network)(x), network(x)) < 1e-9


@pytest.mark.parametrize("relu", [False, True])
def test_any_member_of_the_family_keeps_its_function(family_member, relu: bool, random_network) -> None:
    network = random_network(7, family_member, relu=relu).double()
    side = family_member.size_multiple
    x = torch.randn(1, 3, side, 2 * side, dtype=torch.float64)
    with torch.no_grad():
        assert difference(deploy(network)(x), network(x)) < 1e-9


@pytest.mark.parametrize("free", [False, True], ids=["fixed size", "any size"])
def test_the_onnx_file_of_a_street_network_answers_like_torch(free: bool, random_network, tmp_path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    pytest.importorskip("onnxscript", reason="the extra export is not installed")
    first, second, last = CITYSCAPES.stages  # a module each of its stages, for the exporter takes a minute for all
    stages = (
        first,
        dataclasses.replace(second, modules=second.modules[:2]),
        dataclasses.replace(last, modules=last.modules[2:3]),
    )
    config = with_classes(dataclasses.replace(CITYSCAPES, stages=stages), 11)
    network, side, path = random_network(3, config), config.size_multiple, tmp_path / "street.onnx"
    preprocess_spec = PreprocessSpec((side, 2 * side), "nchw", "rgb", (0, 0, 0), (1, 1, 1))
    spec = ModelSpec(
        "street", preprocess_spec, OutputSpec("nchw", "softmax", -1, tuple("abcdefghijk")), "MIT", "chance"
    )
    export_onnx(deploy(network), spec, path, multiple=side if free else None)
    session = onnxruntime.InferenceSession(path.read_bytes())
    for rows, columns in [(1, 2), *([(1, 1), (3, 1), (4, 6)] if free else [])]:
        x = torch.randn(1, 3, rows * side, columns * side, generator=torch.Generator().manual_seed(rows))
        with torch.no_grad():
            expected = network(x)
        (answer,) = session.run(None, {"image": x.numpy()})
        assert answer.shape == (1, 11, rows * side // 2, columns * side // 2)
        assert difference(torch.from_numpy(answer), expected) < 1e-5


@pytest.mark.shared
def test_the_authors_street_network_keeps_its_function(shared) -> None:
    network = load_published(shared / "weights" / "official" / "sinet_cityscapes.pth", "cityscapes")
    golden = np.load(shared / "golden" / "sinet_cityscapes_official.npz")
    with torch.no_grad():
        answer = deploy(network)(torch.from_numpy(golden["input_noise"])).numpy()
    expected = golden["logits_noise"]
    assert answer.shape == expected.shape == (1, 19, 128, 256)
    assert np.abs(answer - expected).max() / np.abs(expected).max() < 1e-4
    assert (answer.argmax(1) == expected.argmax(1)).mean() > 0.9999


def test_a_crossed_branch_is_one_square_kernel(random_network) -> None:
    deployed = deploy(random_network(1, CITYSCAPES))
    for row, stage in zip(CITYSCAPES.stages, deployed.stages, strict=True):
        for module, squeeze in zip(row.modules, stage.squeezes if row.modules else [], strict=True):
            for branch, made in zip(module.branches, squeeze.branches, strict=True):
                corner = made.depthwise.weight[:, 0, 0, 0]
                assert made.depthwise.weight.shape[2:] == (branch.kernel, branch.kernel)
                assert (corner == 0).all() == branch.crossed


def test_a_stage_without_modules_joins_nothing_and_the_second_gate_has_signs_alone(random_network) -> None:
    state = deploy(random_network(1, CITYSCAPES)).state_dict()
    assert not [name for name in state if name.startswith("stages.0.") and ".down." not in name]
    assert set(state["fine_gate.detail_scale"].flatten().tolist()) == {1.0, -1.0}
    assert not [name for name in deploy(random_network(1)).state_dict() if name.startswith("fine_gate")]


@pytest.mark.parametrize("seed", range(2))
def test_the_blocked_form_keeps_its_function(seed: int, random_network) -> None:
    deployed = deploy(random_network(seed))
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = deployed(x)
        answer = blocked(deployed, (64, 96))(x)
        again = deployed(x)
    assert torch.equal(expected, again), "the deployed network itself was changed"
    assert (answer - expected).abs().max() / expected.abs().max() < 1e-5


def test_steep_slopes_are_turned_over_exactly() -> None:
    act = torch.nn.PReLU(4)
    act.weight.data = torch.tensor([-0.5, 0.25, 1.0, 4.0])
    turned = turn(act)
    assert (turned.act.slope <= 1).all()
    x = torch.linspace(-3, 3, 25)[None, None, None].repeat(1, 4, 1, 1)
    produced = x * turned.producer.reshape(1, -1, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(turned.act(produced) * turned.sign.reshape(1, -1, 1, 1), act(x))
        torch.testing.assert_close(BlockedAct(turned.act.slope)(produced), turned.act(produced))


def test_nothing_subnormal_is_left(published) -> None:
    _, network = published
    for name, parameter in deploy(network).named_parameters():
        tiny = (parameter != 0) & (parameter.abs() < torch.finfo(torch.float32).tiny)
        assert not tiny.any(), name


def test_every_slope_is_at_most_one(published) -> None:
    _, network = published
    slopes = [module.slope for module in deploy(network).modules() if isinstance(module, Act)]
    assert len(slopes) == 36
    assert all((slope <= 1).all() for slope in slopes)


def test_the_network_that_was_given_is_left_as_it_was(published) -> None:
    _, network = published
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    deploy(network)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_enlarging_twice_is_one_matrix() -> None:
    x = torch.randn(1, 1, 8, 1)
    twice = torch.nn.functional.interpolate(x, (16, 1), mode="bilinear", align_corners=True)
    twice = torch.nn.functional.interpolate(twice, (32, 1), mode="bilinear", align_corners=True)
    torch.testing.assert_close(enlarge_matrix(32) @ x[0, 0], twice[0, 0])


def test_a_single_class_keeps_its_function(random_network) -> None:
    network = random_network(7, dataclasses.replace(PORTRAIT, classes=1)).double()
    x = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert difference(deploy(network)(x), network(x)) < 1e-9


def test_the_blocked_form_is_for_one_map(random_network) -> None:
    network = deploy(random_network(0, dataclasses.replace(PORTRAIT, classes=3)))
    with pytest.raises(ModelError, match="answers with one map, this network has 3 classes"):
        blocked(network, (32, 32))
    network = deploy(random_network(0, with_classes(CITYSCAPES, 2)))
    with pytest.raises(ModelError, match="knows the portrait's form only"):
        blocked(network, (128, 128))
