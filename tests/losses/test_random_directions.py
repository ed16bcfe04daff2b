import keras
import numpy as np

from keras_contrastive.losses.random_directions import random_directions


def directions(dim, count, step):
    return keras.ops.convert_to_numpy(random_directions(dim, count, step))


def test_directions_are_uniform_on_the_sphere():
    dim, count = 8, 4096
    a = directions(dim, count, 0)
    np.testing.assert_allclose(np.linalg.norm(a, axis=0), 1, rtol=1e-5)
    # Five standard errors of means over the directions.
    error = 5 / np.sqrt(count * dim)
    np.testing.assert_allclose(a.mean(1), 0, atol=error)
    np.testing.assert_allclose(
        a @ a.T / count, np.eye(dim) / dim, atol=error / np.sqrt(dim) * 2
    )
    # Fourth moments on the sphere: 3 / (d (d + 2)).
    np.testing.assert_allclose((a**4).mean(), 3 / 80, rtol=0.05)


def test_steps_are_independent():
    steps = [directions(4, 512, step) for step in (0, 1, 2, 2**31 - 1)]
    steps.append(directions(4, 512, keras.ops.convert_to_tensor(1000)))
    flat = np.stack([a.ravel() for a in steps])
    correlation = np.corrcoef(flat) - np.eye(len(steps))
    assert np.abs(correlation).max() < 5 / np.sqrt(flat.shape[1])
    # Nor is one a shifted copy of another.
    windows = {tuple(np.round(column, 4)) for a in steps for column in a.T}
    assert len(windows) == len(steps) * 512


def test_all_backends_and_devices_draw_the_same():
    # The same formula in NumPy's uint32.
    expected = [
        [-0.112721, -0.773339],
        [0.993113, -0.630076],
        [0.031939, 0.070364],
    ]
    np.testing.assert_allclose(directions(3, 2, 5), expected, atol=1e-5)
