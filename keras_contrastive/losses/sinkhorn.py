"""The Sinkhorn-Knopp algorithm over the batches of all replicas."""

import math

from keras import ops

from keras_contrastive import distribution


def sinkhorn(
    scores,
    epsilon,
    iterations,
    gather,
    queue_scores=None,
    queue_is_used=True,
):
    """Assigns examples to prototypes so that all are used about equally.

    It scales `exp(scores / epsilon)`, first per prototype, then per example,
    `iterations` times. It computes logarithms, since the exponential overflows
    for scores that are not cosines.

    Args:
        scores: Float32 tensor of shape `(batch, views, prototypes)`. Each view
            is assigned separately.
        epsilon: Float, the temperature.
        iterations: Int, the number of iterations.
        gather: Whether a prototype's sum includes all replicas.
        queue_scores: Float32 tensor of shape `(size, views, prototypes)`, of
            earlier examples, the same on all replicas; or `None`. They are
            assigned together with the batch.
        queue_is_used: Bool or bool scalar tensor, whether to use
            `queue_scores`.

    Returns:
        Float32 tensor of the shape of `scores`; each example sums to 1.
    """
    log_q = scores / epsilon
    log_queue = None if queue_scores is None else queue_scores / epsilon
    for _ in range(iterations):
        log_sums = _logsumexp_of_batch(log_q, gather)
        if log_queue is not None:
            of_queue = ops.logsumexp(log_queue, axis=0, keepdims=True)
            of_queue = ops.where(queue_is_used, of_queue, -math.inf)
            log_sums = ops.logaddexp(log_sums, of_queue)
            log_queue = _per_example(log_queue - log_sums)
        log_q = _per_example(log_q - log_sums)
    return ops.exp(log_q)


def _per_example(log_q):
    return log_q - ops.logsumexp(log_q, axis=-1, keepdims=True)


def _logsumexp_of_batch(log_q, gather):
    log_sums = ops.logsumexp(log_q, axis=0, keepdims=True)
    if gather:
        log_sums = distribution.all_gather(log_sums)
        log_sums = ops.logsumexp(log_sums, axis=0, keepdims=True)
    return log_sums
