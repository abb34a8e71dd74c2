import pytest

torch = pytest.importorskip("torch")

from sinet.core.errors import ModelError  # noqa: E402
from sinet.nets.checkpoints import load_weights  # noqa: E402
from sinet.nets.sinet import SINet  # noqa: E402
from sinet.training.blend import blend, main  # noqa: E402

pytestmark = pytest.mark.torch


def states() -> list[dict]:
    torch.manual_seed(0)
    return [SINet().state_dict() for _ in range(2)]


def test_the_ends_are_the_two_networks_and_the_middle_is_their_mean() -> None:
    first, second = states()
    for share, expected in ((0, first), (1, second)):
        blended = blend(first, second, share)
        assert all(torch.equal(blended[name], expected[name]) for name in expected)
    middle = blend(first, second, 0.5)["encoder.head.weight"]
    torch.testing.assert_close(middle, (first["encoder.head.weight"] + second["encoder.head.weight"]) / 2)


def test_what_cannot_be_blended_is_said() -> None:
    first, second = states()
    with pytest.raises(ModelError, match=r"share of 1\.5 lies beyond"):
        blend(first, second, 1.5)
    with pytest.raises(ModelError, match="different networks"):
        blend(first, {"encoder.head.weight": torch.zeros(1)}, 0.5)


def test_a_blended_file_is_weights_and_provenance(root, tmp_path) -> None:
    source = str(root / "weights" / "sinet_portrait.pth")
    out = tmp_path / "same.safetensors"
    main(source, source, "0.3", str(out))
    assert isinstance(load_weights(out), SINet)
    assert '"share_of_second": 0.3' in out.with_suffix(".json").read_text()
