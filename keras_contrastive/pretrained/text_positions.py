"""Position embeddings of a text tower, for longer or shorter texts."""

import numpy as np

# According to Long-CLIP, OpenAI's CLIP trained these positions well.
KEPT = 20


def resized_positions(positions, length):
    """Position embeddings for texts of another length.

    For shorter texts, the first positions are kept. For longer texts, the first
    20 (at most half) are kept and the others are stretched over the rest:
    position p is the old one at `kept + (p - kept) / ratio`, interpolated
    linearly, and extrapolated beyond the last one. For 77 positions and a
    length of 248, this is Long-CLIP's rule.

    Args:
        positions: Float array of shape `(positions, width)`.
        length: Int, the new number of positions.

    Returns:
        Float array of shape `(length, width)`.

    Reference:
        Zhang et al., 2024, Long-CLIP: Unlocking the Long-Text Capability of
        CLIP, section 3.1.
    """
    count = len(positions)
    if length <= count:
        return positions[:length]
    kept = min(KEPT, count // 2)
    ratio = (length - kept) / (count - kept)
    at = kept + np.arange(length - kept) / ratio
    # Positions beyond the last pair are extrapolated from it.
    first = np.minimum(at.astype("int64"), max(count - 2, 0))
    share = (at - first)[:, None]
    second = np.minimum(first + 1, count - 1)
    stretched = (1 - share) * positions[first] + share * positions[second]
    return np.concatenate([positions[:kept], stretched]).astype(positions.dtype)
