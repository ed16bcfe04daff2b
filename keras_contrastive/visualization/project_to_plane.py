"""Projects embeddings to two coordinates."""

import numpy as np

METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}


def project_to_plane(features, method):
    """Projects embeddings to the plane.

    Args:
        features: float array `(n, d)`.
        method: a key of `METHODS`.

    Returns:
        `(points, axis_labels)`: an `(n, 2)` array and two strings. Equal
        embeddings get equal points.
    """
    if method == "pca":
        points, explained = pca(features)
        labels = [
            f"principal component {i + 1} ({share:.1%} of the variance)"
            for i, share in enumerate(explained)
        ]
        return points, labels
    labels = [f"{METHODS[method]} {i}" for i in (1, 2)]
    # The methods depend on ratios of distances, which vanish when squared in
    # float32; scikit-learn's t-SNE then ends the process.
    offsets = features - features[0]
    spread = np.abs(offsets).max()
    if not spread:
        return np.zeros((len(features), 2)), labels
    embed = {"tsne": tsne, "umap": umap}[method]
    return embed(offsets / spread), labels


def pca(features, num_components=2):
    """Principal components, by singular value decomposition.

    The sign of each is chosen so that its largest weight is positive.

    Args:
        features: float array `(n, d)`.
        num_components: int.

    Returns:
        `(scores, explained)`: `(n, num_components)`, and the fraction of the
        variance that each component explains, `(num_components,)`.
    """
    centered = features - features.mean(axis=0)
    _, singular_values, axes = np.linalg.svd(centered, full_matrices=False)
    variances = singular_values**2
    axes = axes[:num_components]
    largest = np.abs(axes).argmax(axis=1)
    axes *= np.sign(axes[np.arange(len(axes)), largest])[:, None]
    # If all rows are equal, there is no variance to explain.
    explained = variances[:num_components] / max(variances.sum(), 1e-30)
    return centered @ axes.T, explained


def tsne(features):
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ImportError(
            "`method='tsne'` needs scikit-learn: pip install scikit-learn."
        ) from error
    # Scikit-learn requires fewer neighbors than points.
    perplexity = min(30.0, (len(features) - 1) / 3)
    return TSNE(
        init="pca", perplexity=perplexity, random_state=0
    ).fit_transform(features)


def umap(features):
    try:
        from umap import UMAP
    except ImportError as error:
        raise ImportError(
            "`method='umap'` needs umap-learn: pip install umap-learn."
        ) from error
    return UMAP(random_state=0).fit_transform(features)
