"""Information about the other replicas for losses, layers and models."""

import keras

# Each `if` imports one module, since the other backends need not be installed.
# Type checkers follow the first import.
if keras.backend.backend() == "tensorflow":
    from keras_contrastive.distribution import tensorflow as _backend
elif keras.backend.backend() == "torch":
    from keras_contrastive.distribution import torch as _backend  # type: ignore[no-redef]
else:
    from keras_contrastive.distribution import single_view as _backend  # type: ignore[no-redef]

all_gather = _backend.all_gather
assign_equal = _backend.assign_equal
batch_divisor = _backend.batch_divisor
gather_objects = _backend.gather_objects
is_first_process = _backend.is_first_process
local_copies = _backend.local_copies
mean_over_replicas = _backend.mean_over_replicas
num_replicas = _backend.num_replicas
process_index = _backend.process_index
replica_index = _backend.replica_index
scope_of = _backend.scope_of
start_together = _backend.start_together
sums_over_replicas = _backend.sums_over_replicas
unscale_loss = _backend.unscale_loss

__all__ = [
    "all_gather",
    "assign_equal",
    "batch_divisor",
    "gather_objects",
    "is_first_process",
    "local_copies",
    "mean_over_replicas",
    "num_replicas",
    "process_index",
    "replica_index",
    "scope_of",
    "start_together",
    "sums_over_replicas",
    "unscale_loss",
]
