"""Compiles JAX functions for an H100 where there is no GPU."""

import contextlib
import os
from pathlib import Path
from unittest import mock

os.environ["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
# An empty one: what would be found there is compiled for this machine.
os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)

import jax
import keras
from jax.experimental import topologies

TARGET = Path(__file__).with_name("h100.txtpb")


def compile_for_h100(function, arguments, donated=()):
    """The compiled function, a `jax.stages.Compiled`.

    Args:
        function: Pure JAX function.
        arguments: Its arguments: structures of arrays, or of
            `jax.ShapeDtypeStruct`.
        donated: Indices of the arguments whose memory it may use for results.
    """
    device = jax.sharding.SingleDeviceSharding(_topology().devices[0])
    shapes = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), arguments
    )
    with _as_on_a_gpu():
        return (
            jax.jit(
                function,
                in_shardings=device,
                out_shardings=device,
                donate_argnums=donated,
            )
            .lower(*shapes)
            .compile()
        )


def _topology():
    # JAX finds the plugin by itself, if any platform may be used.
    jax.config.update("jax_platforms", "")
    try:
        return topologies.get_topology_desc(
            platform="cuda",
            topology_name="1x1x1",
            topology="1x1x1",
            target_config=TARGET.read_text(),
        )
    finally:
        jax.config.update("jax_platforms", "cpu")


@contextlib.contextmanager
def _as_on_a_gpu():
    """The package asks where it runs: blocks of the loss, whole batches."""
    with (
        mock.patch.object(jax, "default_backend", lambda: "gpu"),
        mock.patch.object(
            keras.distribution, "list_devices", lambda *_: ["gpu:0"]
        ),
    ):
        yield
