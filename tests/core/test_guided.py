import numpy as np

from sinet.core.guided import LEVELS, guided_alpha, guided_coefficients


def test_guided_coefficients_against_the_definition() -> None:
    """Windows solved one by one with a general solver, then averaged, as the papers write it."""
    rng = np.random.default_rng(0)
    guide, alpha = rng.integers(0, 256, (9, 8, 3), np.uint8), rng.random((9, 8), np.float32)
    radius, eps = 2, 1e-2
    slopes, offsets = np.zeros((9, 8, 3)), np.zeros((9, 8))

    def window(y: int, x: int) -> tuple[slice, slice]:
        return slice(max(0, y - radius), y + radius + 1), slice(max(0, x - radius), x + radius + 1)

    for y in range(9):
        for x in range(8):
            colours, values = (
                guide[window(y, x)].reshape(-1, 3) / 255,
                alpha[window(y, x)].ravel().astype(float),
            )
            spread = np.cov(colours.T, bias=True) + eps * np.eye(3)
            together = (colours * values[:, None]).mean(0) - colours.mean(0) * values.mean()
            slopes[y, x] = np.linalg.solve(spread, together)
            offsets[y, x] = values.mean() - slopes[y, x] @ colours.mean(0)
    fit = guided_coefficients(guide, alpha, radius, eps)
    for y in range(9):
        for x in range(8):
            np.testing.assert_allclose(fit[:3, y, x], slopes[window(y, x)].reshape(-1, 3).mean(0), atol=1e-6)
            np.testing.assert_allclose(fit[3, y, x], offsets[window(y, x)].mean(), atol=1e-6)


def test_levels_are_a_fixed_line() -> None:
    low, high = LEVELS
    offsets = np.array([-1, low, (low + high) / 2, high, 2], np.float32)
    fit = np.zeros((4, 1, 5), np.float32)
    fit[3, 0] = offsets
    alpha = guided_alpha(fit, np.full((1, 5, 3), 77, np.uint8))
    np.testing.assert_allclose(alpha[0], [0, 0, 0.5, 1, 1], atol=1e-6)
