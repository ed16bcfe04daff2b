"""Cross-entropy of each target view with each other view."""

from keras import ops


def cross_entropy_of_other_views(targets, logits):
    """The mean of `H(target t, view v)` over all pairs with `v != t`.

    Args:
        targets: Float32 tensor of shape `(batch, targets, dim)`: distributions
            over `dim`, of the first views of `logits`.
        logits: Float32 tensor of shape `(batch, views, dim)`.

    Returns:
        Float32 tensor of shape `(batch,)`.
    """
    count, views = targets.shape[1], logits.shape[1]
    log_p = ops.log_softmax(logits)
    own = [targets[:, i] for i in range(count)]
    # H is linear in the target, so the targets of a view are summed first.
    others = [sum(own[:i] + own[i + 1 :]) for i in range(count)]
    total = -sum(
        ops.sum(other * log_p[:, i], axis=-1)
        for i, other in enumerate(others)
        if count > 1
    )
    if views > count:
        log_p_of_rest = ops.sum(log_p[:, count:], axis=1)
        total = total - ops.sum(sum(own) * log_p_of_rest, axis=-1)
    return total / (count * (views - 1))


def check_view_pairs(first, second, names):
    """Raises unless the shapes are `(batch, views, dim)` and pair up."""
    shapes = tuple(first.shape), tuple(second.shape)
    for name, shape in zip(names, shapes, strict=True):
        if len(shape) != 3:
            raise ValueError(
                f"`{name}` must have the shape (batch, views, dim); stack the "
                "views, for instance by keras.ops.stack(views, axis=1). "
                f"Received: {name}.shape={shape}"
            )
    received = f"{names[0]}.shape={shapes[0]}, {names[1]}.shape={shapes[1]}"
    for axis in (0, 2):
        sizes = {shape[axis] for shape in shapes} - {None}
        if len(sizes) > 1:
            raise ValueError(
                f"`{names[0]}` and `{names[1]}` must have the same batch and "
                f"dim. Received: {received}"
            )
    count, views = shapes[0][1], shapes[1][1]
    if count < 1 or views < max(count, 2):
        raise ValueError(
            f"`{names[1]}` must hold all views, those of `{names[0]}` first, "
            f"and at least 2. Received: {received}"
        )
