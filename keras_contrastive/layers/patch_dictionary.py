"""Learns the dictionary and components of `PatchFeatures`, in NumPy."""

import numpy as np

# Added to the variances along the axes that are whitened.
WHITENING = 0.1
ROUNDS = 12  # of k-means
# Added to the standard deviations that components are divided by, so that small
# components are not amplified to 1.
LEAST_DEVIATION = 0.5


def dictionary(patches, size, rng):
    """Whitening and spherical k-means, as the kernel and offset of a layer.

    Args:
        patches: Float32 array `(n, d)`, of mean 0 and variance 1 each.
        size: Int, the number of clusters.
        rng: Generator.

    Returns:
        Arrays of shapes `(d, size)` and `(size,)`: `patches @ kernel + offset`
        are the similarities.
    """
    mean = patches.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov(patches.T))
    # Clusters do not depend on the axes of the space, so these are not turned
    # back.
    whitening = (axes / np.sqrt(values + WHITENING)).astype("float32")
    whitened = (patches - mean) @ whitening
    chosen = rng.choice(len(whitened), size, replace=len(whitened) < size)
    centers = _unit_rows(whitened[chosen])
    for _ in range(ROUNDS):
        similarities = whitened @ centers.T
        nearest = np.abs(similarities).argmax(axis=1)
        # Patches and their negatives belong to one cluster.
        weights = similarities[np.arange(len(whitened)), nearest]
        # A cluster that no patch joins keeps its center.
        sums = 0.1 * centers
        np.add.at(sums, nearest, whitened * weights[:, None])
        centers = _unit_rows(sums)
    kernel = whitening @ centers.T
    offset = -mean @ kernel
    # Centering the kernel replaces subtracting the mean of each patch.
    return kernel - kernel.mean(axis=0), offset


def _unit_rows(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def principal_components(rows, count, rng):
    """Principal components of standardized columns, scaled down.

    Each is divided by its standard deviation plus `LEAST_DEVIATION`. They are
    computed by random projections and two power iterations (Halko et al., 2011,
    algorithm 4.4).

    Args:
        rows: Float32 array `(n, d)`, columns of mean 0.
        count: Int, the number of components.
        rng: Generator.

    Returns:
        Array of shape `(d, count)`.
    """
    deviations = rows.std(axis=0) + 1e-6
    rows = rows / deviations
    basis = rng.normal(size=(rows.shape[1], min(count + 10, *rows.shape)))
    basis = basis.astype("float32")
    for _ in range(2):
        basis, _ = np.linalg.qr(rows.T @ (rows @ basis))
    _, singular, axes = np.linalg.svd(rows @ basis, full_matrices=False)
    spread = singular / np.sqrt(len(rows)) + LEAST_DEVIATION
    components = (basis @ axes.T / spread)[:, :count]
    missing = count - components.shape[1]
    components = np.pad(components, ((0, 0), (0, missing)))
    return components / deviations[:, None]
