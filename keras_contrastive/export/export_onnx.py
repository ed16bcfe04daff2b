import importlib
import tempfile
from pathlib import Path

import keras
import numpy as np


def export_onnx(model: keras.Model, path: str | Path) -> None:
    """Writes a model in inference mode as ONNX, for any batch size.

    It calls `model.export(path, format="onnx")` if that works, and avoids
    current limits of Keras and its converters. On TensorFlow, tf2onnx does not
    support the `Erfc` of a GELU. On PyTorch, Keras ties a transformer to one
    batch size, so this function uses torch.export and its ONNX exporter. On
    JAX, Keras needs the package jax2onnx; without it, save the model, load it
    on TensorFlow and export it there.

    Args:
        model: A functional or built Sequential model, such as an encoder. For
            a `CLIPModel`, build one from a tower, see the example.
        path: Path of the file, ending in `.onnx`.

    Raises:
        ValueError: If `model` does not know its inputs, or is one of this
            package that trains an encoder.
        ImportError: If a converter is missing; `keras_contrastive[onnx]`
            installs those of TensorFlow and PyTorch.

    Example:

    ```py
    import keras
    import keras_contrastive as kc

    encoder = kc.models.ConvNet(width=8, input_shape=(32, 32, 3))
    simclr = kc.SimCLRModel(encoder)
    kc.models.export_onnx(simclr.encoder, "encoder.onnx")

    clip = kc.CLIPModel(
        encoder, kc.models.BagOfWords(100, 32), projection_dim=16
    )
    tokens = keras.Input((20,), dtype="int32", name="tokens")
    texts = keras.Model(tokens, clip.encode_text(tokens))
    kc.models.export_onnx(texts, "texts.onnx")
    ```
    """
    if not getattr(model, "inputs", None):
        if hasattr(model, "exportable"):
            model.export(path)  # raises an error that names its parts
        raise ValueError(
            "`model` must be a functional or built Sequential model. "
            f"Received: model={model!r}"
        )
    if keras.backend.backend() == "torch":
        _export_by_torch(model, str(path))
        return
    if keras.backend.backend() == "tensorflow":
        _teach_erfc()
    # Keras requires a call first, which `build` and `predict` on JAX skip.
    model(_input_of(model))
    model.export(str(path), format="onnx", verbose=False)


def _input_of(model):
    if isinstance(model, keras.Sequential):
        return model.inputs[0]
    return model.input


def _require(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"`export_onnx` needs the `{name}` package on this backend. "
            'Install it with `pip install "keras_contrastive[onnx]"`.'
        ) from error


def _export_by_torch(model, path):
    import torch

    _require("onnxscript")
    inputs = _input_of(model)
    _check_sizes(inputs)
    free = torch.export.Dim.DYNAMIC
    dynamic = keras.tree.map_structure(
        lambda x: {i: free for i, size in enumerate(x.shape) if size is None},
        inputs,
    )
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "program.pt2")
        model.export(
            program,
            format="torch",
            verbose=False,
            # torch.export treats a model's arguments as one tuple.
            dynamic_shapes=[(dynamic,)],
        )
        torch.onnx.export(
            torch.export.load(program),
            f=path,
            input_names=[x.name for x in _as_torch_orders(inputs)],
            dynamo=True,
            # Below 2 GB, write a single file without external data.
            external_data=False,
            verbose=False,
        )


def _check_sizes(inputs):
    """Raises for images of any size.

    The padding of a convolution depends on the size, and `torch.export` keeps
    that of the size that it traces.
    """
    for x in keras.tree.flatten(inputs):
        if len(x.shape) > 3 and None in x.shape[1:]:
            raise ValueError(
                "`model` must take images of a known size on PyTorch. "
                f"Received: an input of shape {x.shape}. Give it one, x = "
                "keras.Input((224, 224, 3)); keras.Model(x, model(x)), or "
                "export on TensorFlow."
            )


def _as_torch_orders(inputs):
    # In insertion order of the dict; keras.tree would sort the keys.
    if isinstance(inputs, dict):
        return list(inputs.values())
    return keras.tree.flatten(inputs)


def _teach_erfc():
    """Makes tf2onnx convert `Erfc(x)` to `1 - Erf(x)`."""
    tf2onnx = _require("tf2onnx")
    handler = _require("tf2onnx.handler")

    @handler.tf_op("Erfc")
    class Erfc:
        @classmethod
        def version_9(cls, graph, node, **kwargs):
            shapes, dtypes = node.output_shapes, node.output_dtypes
            dtype = tf2onnx.utils.map_onnx_to_numpy_type(dtypes[0])
            one = graph.make_const(
                tf2onnx.utils.make_name("one"), np.ones((), dtype)
            )
            erf = graph.make_node("Erf", node.input)
            graph.remove_node(node.name)
            graph.make_node(
                "Sub",
                [one.output[0], erf.output[0]],
                name=node.name,
                outputs=node.output,
                shapes=shapes,
                dtypes=dtypes,
            )
