import numpy as np

from sinet.pipeline.temporal import begin, is_cut, is_unchanged, steady


def texture(seed: int, noise: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    small = rng.integers(30, 220, (24, 24)).astype(np.float32)
    wide = np.kron(small, np.ones((4, 4), np.float32))
    return np.clip(wide + np.random.default_rng(seed).normal(0, noise, wide.shape), 0, 255).astype(np.uint8)


def test_a_still_mask_is_averaged_over_time() -> None:
    rng = np.random.default_rng(1)
    true = np.full((96, 96), 0.5, np.float32)
    masks = [(true + rng.normal(0, 0.1, true.shape)).astype(np.float32) for _ in range(30)]
    state = begin(texture(0, 2), masks[0])
    for i, mask in enumerate(masks[1:]):
        state = steady(state, texture(i + 1, 2), mask)
    assert np.abs(state.mask - true).std() < 0.52 * np.abs(masks[-1] - true).std()


def test_where_something_new_is_seen_the_new_mask_stands_alone() -> None:
    before, now = texture(0), texture(0)
    now[40:72, 40:72] = 255 - now[40:72, 40:72][::-1, ::-1]
    new = np.ones((96, 96), np.float32)
    mixed = steady(begin(before, np.zeros((96, 96), np.float32)), now, new).mask
    assert mixed[44:68, 44:68].min() > 0.9, "no lag where the picture changed"
    assert mixed[:24, :24].max() < 0.3, "an average where it did not"


def test_a_mask_follows_what_moves() -> None:
    whole = texture(0)
    before, now = whole[8:72, 8:72], whole[4:68, 2:66]  # all has moved 4 down and 6 to the right
    mask = np.zeros((64, 64), np.float32)
    mask[16:40, 16:40] = 1
    unsure = np.full((64, 64), 0.5, np.float32)
    mixed = steady(begin(before, mask), now, unsure).mask
    assert mixed[22:42, 24:44].min() > 0.8, "carried to where the subject is now"
    assert mixed[16:19, 16:21].max() < 0.6, "and not left where it was"


def test_noise_is_no_change_and_a_moving_hand_is_one() -> None:
    state = begin(texture(0, 1), np.zeros((96, 96), np.float32))
    assert is_unchanged(state, texture(1, 1))
    moved = texture(1, 1)
    moved[30:40, 30:40] += 20
    assert not is_unchanged(state, moved)


def test_a_cut_stands_out_from_what_went_before() -> None:
    assert is_cut(60, 3)
    assert not is_cut(60, 40), "a shaking camera"
    assert not is_cut(6, 0.1), "somebody stirs"
