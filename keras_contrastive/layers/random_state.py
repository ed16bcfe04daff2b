"""Random state that differs between replicas."""

import keras
import numpy as np
from keras import ops

from keras_contrastive import distribution

# Odd, so that no two replicas share a stream modulo a power of two. Large, so
# that the stream of a replica is not that of the next replica one step later.
# It fits every backend's seed dtype.
REPLICA_STRIDE = 0x61C88647


class RandomState(keras.random.SeedGenerator):
    """A seed generator whose draws differ between replicas.

    `keras.random.SeedGenerator` keeps one state, and replicas that mirror it
    draw the same numbers: the same crops, the same dropped units. Here the
    seed returned on replica `r` is

    `(s_0 + r * REPLICA_STRIDE, s_1)`

    where `(s_0, s_1)` is the state. The state is the same on all replicas. On
    one device, or in JAX's global view, the seed is the state. On PyTorch, the
    worker processes of a `DataLoader` start each epoch from copies of the
    state. A number that PyTorch draws for the epoch and one of the worker are
    added there.

    Args:
        seed: Integer, or `None` for one drawn from Python's random module.
        name: Name of the generator.

    Example:

    ```python
    import keras
    from keras_contrastive.layers.random_state import RandomState

    state = RandomState(seed=7)
    first = keras.random.uniform((2,), seed=state)
    second = keras.random.uniform((2,), seed=state)
    ```
    """

    # On PyTorch: the tensor and its version from which the state was read, and
    # the state as a NumPy array.
    _on_host = (None, None, None)

    def next(self, ordered=True):
        """Returns this replica's seed, shape `(2,)`, and advances the state."""
        index = distribution.replica_index()
        if ordered and keras.backend.backend() == "torch":
            offset = REPLICA_STRIDE * int(index) + _offset_of_worker()
            return self._next_on_host() + np.array([offset, 0])
        seed = super().next(ordered=ordered)
        if isinstance(index, int) and index == 0:
            return seed
        dtype = self.state.dtype
        stride = ops.convert_to_tensor([REPLICA_STRIDE, 0], dtype=dtype)
        return seed + stride * ops.cast(index, dtype)

    def _next_on_host(self):
        """Like `SeedGenerator.next`, in NumPy.

        Keras converts the seed to a number, which would make PyTorch wait for
        the device in each draw.
        """
        value = self.state.value
        known, version, state = self._on_host
        if value is not known or value._version != version:
            # The first draw, or one after an `assign`.
            state = ops.convert_to_numpy(value)
        following = value.detach().clone()
        following[1] += 1
        self.state.assign(following)
        value = self.state.value
        self._on_host = value, value._version, state + np.array([0, 1])
        return state

    def state_to_numpy(self):
        """The state as an int64 array of shape `(2,)`, on every backend."""
        return ops.convert_to_numpy(self.state).astype("int64")

    def state_from_numpy(self, state):
        """Restores a state of `state_to_numpy`, also from another backend."""
        # The backends store the same 32 bits as int32, uint32 or int64.
        self.state.assign(np.asarray(state).astype(self.state.dtype))

    def save_to(self, store):
        """Writes the state into the store of its layer's own variables.

        Keras leaves seed states out of its files, so a resumed run would repeat
        its first draws.
        """
        store["random_state"] = self.state_to_numpy()

    def load_from(self, store):
        """Restores the state that `save_to` wrote, if there is one."""
        if "random_state" in store.keys():
            self.state_from_numpy(store["random_state"])


def _offset_of_worker():
    """A number of this epoch and worker of a `DataLoader`, 0 outside of one."""
    import torch

    worker = torch.utils.data.get_worker_info()
    if worker is None:
        return 0
    of_epoch = (worker.seed - worker.id) % 2**31
    return of_epoch + REPLICA_STRIDE * worker.id


class AdoptedRandomState(RandomState):
    """The seed generator of a Keras layer, made to differ between replicas.

    It is for Keras' own layers, such as Dropout, whose replicas would all drop
    the same units. The model saves its state, since the layer does not.
    """

    @classmethod
    def adopt(cls, generator):
        """Makes `generator` return a different seed on each replica."""
        generator.__class__ = cls
