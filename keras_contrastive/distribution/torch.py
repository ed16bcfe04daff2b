"""Processes of `torch.distributed`, as `torchrun` starts them."""

import torch
import torch.distributed as dist


def _initialized():
    return dist.is_available() and dist.is_initialized()


def num_replicas():
    """Number of processes, 1 where `torch.distributed` is not initialised."""
    return dist.get_world_size() if _initialized() else 1


def replica_index():
    """Rank of this process, 0 where `torch.distributed` is not initialised."""
    return dist.get_rank() if _initialized() else 0


def all_gather(x):
    """Concatenates the rows of `x` over the processes, in rank order.

    Differentiable: the gradient of a row is the sum of what all processes send
    back to it. Returns `x` itself in a single process.

    Args:
        x: Tensor of shape `(local_batch, ...)`, the same shape in each process.

    Returns:
        Tensor of shape `(num_replicas * local_batch, ...)`.
    """
    if num_replicas() == 1:
        return x
    from torch.distributed.nn.functional import all_gather as gather

    return torch.cat(gather(x.contiguous()), dim=0)


def unscale_loss(loss):
    """Undoes Keras' division of a loss by the number of replicas: none here."""
    return loss
