"""The number of dimensions that a set of features uses (RankMe)."""

from typing import Any

import numpy as np

from keras_contrastive.evaluation.checks import as_features


def effective_rank(features: Any) -> float:
    """Returns the exponential of the entropy of the singular values.

    With the singular values `s` of the feature matrix, which is not centered,

    `p = s / sum(s)`, `effective_rank = exp(-sum(p * log(p)))`

    It lies between 1, if all rows are multiples of one another (the
    representation has collapsed), and `min(rows, dim)`, if every direction
    is used equally. Among runs on the same data, a higher value tends to go
    with a better linear probe. It needs no labels.

    Args:
        features: Array of shape `(rows, dim)`. Use several times more rows
            than `dim`, since the rank cannot exceed the number of rows.

    Returns:
        A float, 0 if all features are zero.

    Raises:
        ValueError: If `features` is not a finite, non-empty matrix.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.evaluation import effective_rank

    features = np.random.default_rng(0).standard_normal((1000, 16))
    print(effective_rank(features))  # nearly 16
    print(effective_rank(features[:, :1] * np.ones(16)))  # 1.0
    ```

    Reference:
        - [Garrido et al., 2023](https://arxiv.org/abs/2210.02885), section 3
    """
    features = as_features(features, "features").astype("float64")
    singular_values = np.linalg.svd(features, compute_uv=False)
    total = singular_values.sum()
    if total == 0:
        return 0.0
    p = singular_values / total
    p = p[p > 0]
    return float(np.exp(-np.sum(p * np.log(p))))
