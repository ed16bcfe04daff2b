"""The Sinkhorn-Knopp algorithm over the batches of all replicas."""

from keras import ops

from keras_contrastive import distribution


def sinkhorn(scores, epsilon, iterations, gather):
    """Assigns examples to prototypes, each prototype equally often.

    It scales `exp(scores / epsilon)`, first per prototype, then per example,
    `iterations` times. In logarithms, since the exponential overflows for
    scores that are not cosines.

    Args:
        scores: Float32 tensor of shape `(batch, views, prototypes)`. Each view
            is assigned separately.
        epsilon: Float, the temperature.
        iterations: Int.
        gather: Whether a prototype's sum is that over all replicas.

    Returns:
        Float32 tensor of the shape of `scores`; each example sums to 1.
    """
    log_q = scores / epsilon
    for _ in range(iterations):
        log_q = log_q - _logsumexp_of_batch(log_q, gather)
        log_q = log_q - ops.logsumexp(log_q, axis=-1, keepdims=True)
    return ops.exp(log_q)


def _logsumexp_of_batch(log_q, gather):
    log_sums = ops.logsumexp(log_q, axis=0, keepdims=True)
    if gather:
        log_sums = distribution.all_gather(log_sums)
        log_sums = ops.logsumexp(log_sums, axis=0, keepdims=True)
    return log_sums
