"""Blocks of keys, and loops over them."""

from keras import ops

from keras_contrastive.accelerator import has_accelerator
from keras_contrastive.losses.accumulate import add_to_rows

# Logits per block, and the smallest number of keys. On a CPU, a block stays in
# the cache. An accelerator reads all queries for each block: a few large blocks
# read less, and take longer to compute than a kernel takes to launch.
CPU_BLOCK = 2**19, 128
ACCELERATOR_BLOCK = 2**26, 2048


class KeyBlocks:
    """The keys in blocks; the last one ends with the last key.

    Args:
        n: Number of queries.
        m: Number of keys.
        block_size: Keys per block, or `None` to choose it automatically.
    """

    def __init__(self, n, m, block_size):
        is_static = isinstance(n, int) and isinstance(m, int)
        if block_size is None:
            elements, fewest = (
                ACCELERATOR_BLOCK if has_accelerator() else CPU_BLOCK
            )
            at_least = max if is_static else ops.maximum
            block_size = at_least(elements // n, fewest)
        self.size = (min if is_static else ops.minimum)(block_size, m)
        self.count = -(-m // self.size)
        self.m = m
        self.overlap = not is_static or m % self.size != 0

    def fold(self, function, state):
        """`state = function(i, state)` over all blocks."""
        if isinstance(self.count, int) and self.count == 1:
            return function(0, state)  # compiles faster than a loop
        return ops.fori_loop(0, self.count, function, state)

    def start(self, i):
        """Index of the first key of block `i`."""
        if all(isinstance(x, int) for x in (i, self.size, self.m)):
            # PyTorch would wait for the device to read a tensor's value.
            return min(i * self.size, self.m - self.size)
        # Keras would choose the dtype from `floatx`: int64 under float64, and
        # on JAX a float under bfloat16.
        start = ops.convert_to_tensor(i * self.size, dtype="int32")
        return ops.cast(ops.minimum(start, self.m - self.size), "int32")

    def key_index(self, i):
        return self.start(i) + ops.arange(self.size, dtype="int32")

    def of(self, rows, i):
        """The rows of block `i`."""
        start = (self.start(i), *(0 for _ in rows.shape[1:]))
        return ops.slice(rows, start, (self.size, *ops.shape(rows)[1:]))

    def add(self, total, i, values):
        """Adds `values` to block `i`; `total` must not be used again."""
        return add_to_rows(total, self.start(i), values)

    def hide(self, i, logits, value):
        """Replaces the logits of keys of an earlier block by `value`."""
        if not self.overlap:
            return logits
        is_seen = self.key_index(i) < i * self.size
        return ops.where(is_seen, value, logits)
