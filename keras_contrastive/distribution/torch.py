"""Processes of `torch.distributed`, as `torchrun` starts them."""

import contextlib
import hashlib
from typing import Any

import keras
import torch
import torch.distributed as dist


def _initialized():
    return dist.is_available() and dist.is_initialized()


def num_replicas() -> int:
    """Number of processes, 1 if `torch.distributed` is not initialized."""
    return dist.get_world_size() if _initialized() else 1


def replica_index() -> Any:
    """Rank of this process, 0 if `torch.distributed` is not initialized."""
    return dist.get_rank() if _initialized() else 0


def process_index() -> int:
    """Rank of this process, in the order of `gather_objects`."""
    return replica_index()


def is_first_process() -> bool:
    """Whether this is the one process that writes files."""
    return process_index() == 0


def gather_objects(value: Any) -> list:
    """The `value` of each process, in rank order; all must call it.

    Args:
        value: Any value that `pickle` can write.
    """
    if num_replicas() == 1:
        return [value]
    values = [None] * num_replicas()
    dist.all_gather_object(values, value)
    return values


def local_copies(variable: Any) -> list:
    """The values of a variable that replicas of one process hold: none."""
    return []


def scope_of(model: Any) -> contextlib.AbstractContextManager:
    """A context in which `num_replicas` is the model's; it does nothing."""
    return contextlib.nullcontext()


def all_gather(x: Any) -> Any:
    """Concatenates the rows of `x` over the processes, in rank order.

    Differentiable: the gradient of a row is the sum of its upstream gradients
    from all processes. Returns `x` itself in a single process, and while Keras
    builds the model symbolically.

    Args:
        x: Tensor of shape `(local_batch, ...)`, the same shape in each process.

    Returns:
        Tensor of shape `(num_replicas * local_batch, ...)`.
    """
    if num_replicas() == 1 or x.is_meta:
        return x
    return _AllGather.apply(x)


class _AllGather(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        parts = [torch.empty_like(x) for _ in range(num_replicas())]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context, gradient):
        rows, *rest = gradient.shape
        own = gradient.new_empty(rows // num_replicas(), *rest)
        dist.reduce_scatter_tensor(own, gradient.contiguous())
        return own


def mean_over_replicas(x: Any) -> Any:
    """The mean of `x` over the processes, on each process; differentiable."""
    if num_replicas() == 1 or x.is_meta:
        return x
    return _Mean.apply(x)


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        mean = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(mean)
        return mean / num_replicas()

    @staticmethod
    def backward(context, gradient):
        return _Mean.forward(context, gradient)


def batch_divisor() -> int:
    """The divisor of a batch size: 1, since each process has its own batch."""
    return 1


def unscale_loss(loss: Any) -> Any:
    """Undoes Keras' division of a loss by the number of replicas: no-op."""
    return loss


@contextlib.contextmanager
def sums_over_replicas(variables: Any) -> Any:
    """A context in which `variables` hold their sums over the processes.

    All processes must enter it. It restores the values when it exits.
    """
    if num_replicas() == 1:
        yield
        return
    values = [variable.value.detach().clone() for variable in variables]
    if any(value.is_meta for value in values):
        # Keras builds the model symbolically.
        yield
        return
    for value in values:
        dist.all_reduce(value)
    with keras.StatelessScope(list(zip(variables, values, strict=True))):
        yield


def start_together(variables: Any) -> None:
    """Broadcasts the first process' values; seeds each process differently.

    PyTorch's global generator, which Keras' Dropout draws from, is seeded by
    the first process' seed and this process' rank: different processes drop
    different units, and a rerun drops the same ones. It is seeded once. Later
    calls do not change it, unless two processes have been given the same
    random state in between.
    """
    global _seeded
    with torch.no_grad():
        for variable in variables:
            dist.broadcast(variable.value, src=0)
    state = hashlib.sha256(torch.get_rng_state().numpy().tobytes()).digest()
    processes = gather_objects((_seeded, torch.initial_seed(), state))
    seeded, seeds, states = zip(*processes, strict=True)
    if not all(seeded) or len(set(states)) < len(states):
        torch.manual_seed(seeds[0] % 2**62 + replica_index())
    _seeded = True


# Whether `start_together` has seeded this process.
_seeded = False


def average_over_replicas(tensors):
    """Replaces each tensor by its mean over the processes, in place.

    Tensors of one dtype are reduced together. `None` is left unchanged.
    """
    if num_replicas() == 1:
        return
    by_dtype = {}
    for tensor in tensors:
        if tensor is not None:
            by_dtype.setdefault(tensor.dtype, []).append(tensor)
    for group in by_dtype.values():
        flat = torch.cat([tensor.reshape(-1) for tensor in group])
        dist.all_reduce(flat)
        flat /= num_replicas()
        sizes = [tensor.numel() for tensor in group]
        for tensor, mean in zip(group, flat.split(sizes), strict=True):
            tensor.copy_(mean.view_as(tensor))


def check_shards(x):
    """Raises unless the processes hold equally many, different examples.

    Args:
        x: Pytree of tensors with the batch as first axis.
    """
    if num_replicas() == 1:
        return
    # `train_on_batch` passes NumPy arrays to the step.
    leaves = [keras.ops.convert_to_tensor(v) for v in keras.tree.flatten(x)]
    checksum = sum(leaf.sum(dtype=torch.float64) for leaf in leaves)
    own = torch.stack([torch.full_like(checksum, len(leaves[0])), checksum])
    # One collective serves both checks. All processes must agree on raising.
    sizes, checksums = all_gather(own[None]).T.tolist()
    if len(set(sizes)) > 1:
        raise ValueError(
            "Each process must get a batch of the same size. Received: "
            f"{[int(size) for size in sizes]} examples. Give each process "
            "equally many examples, and drop a smaller last batch "
            "(drop_last=True in a DataLoader)."
        )
    if len(set(checksums)) == 1:
        raise ValueError(
            "Each process must get its own part of the data. Received: the "
            f"same batch in all {num_replicas()} processes. Take "
            "data[rank::world_size], or a "
            "torch.utils.data.DistributedSampler in the DataLoader."
        )


def assign_equal(variables: list, values: list) -> None:
    """Assigns values that are the same on all replicas to variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
