"""Checkpoint files: one or more `.safetensors` files with a `.json` file."""

import os
import zipfile
from pathlib import Path

from keras_contrastive.json_files import read_json

_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "open_clip_model.safetensors",
)
# Written to the metadata of the files of this package.
_WRITER = "keras_contrastive"
_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}
_FLOATS = ("float16", "bfloat16", "float32", "float64")
# Instructions for converting a pickle to a file of tensors.
_OF_TORCHSCRIPT = "tensors = torch.jit.load({path!r}, 'cpu').state_dict()"
_OF_PICKLE = (
    "tensors = torch.load({path!r}, 'cpu', weights_only=True); "
    "tensors = tensors.get('state_dict', tensors)"
)
_SAVED = (
    "safetensors.torch.save_file({{name: tensor.clone().contiguous() for name, "
    "tensor in tensors.items()}}, {file!r})"
)


def find_weights(path: str | os.PathLike) -> Path:
    """The file of weights at `path`, or in the folder `path`.

    Raises:
        ValueError: If there is none, or only a pickle or a LoRA adapter.
    """
    path = Path(path).expanduser()
    if path.is_file():
        if path.suffix in _PICKLES:
            raise _pickled(path)
        return path
    if (path / "adapter_config.json").is_file():
        raise ValueError(
            "`path` must be a checkpoint of a whole CLIP. Received: "
            f"{os.fspath(path)!r}, a LoRA adapter (adapter_config.json), which "
            "changes another model: pass that model as `path`, and this "
            "folder as `adapter`"
        )
    for name in _WEIGHTS:
        if (path / name).is_file():
            return path / name
    found = sorted(path.glob("*.safetensors"))
    if len(found) == 1:
        return found[0]
    pickles = [p for p in sorted(path.glob("*")) if p.suffix in _PICKLES]
    if pickles and not found:
        raise _pickled(pickles[0])
    raise ValueError(
        "`path` must be a .safetensors file, or a folder with one of "
        f"{', '.join(_WEIGHTS)}. Received: {os.fspath(path)!r}, "
        + (
            f"which has {[p.name for p in found]}"
            if found
            else "which has none"
            if path.is_dir()
            else "which does not exist"
        )
    )


def _pickled(path):
    is_torchscript = _is_torchscript(path)
    recipe = "; ".join(
        (
            "import safetensors.torch, torch",
            _OF_TORCHSCRIPT if is_torchscript else _OF_PICKLE,
            _SAVED,
        )
    ).format(
        path=os.fspath(path),
        file=os.fspath(
            path.with_name(
                "model.safetensors"
                if (path.parent / "config.json").is_file()
                else "open_clip_model.safetensors"
            )
        ),
    )
    kind = "a TorchScript program" if is_torchscript else "a pickle"
    return ValueError(
        "`path` must be a checkpoint in safetensors. Received: "
        f"{os.fspath(path)!r}, {kind}, which can run any code when it is "
        "read. If you trust its author, convert it once with PyTorch: "
        f"{recipe}\nSee docs/pretrained.md."
    )


def _is_torchscript(path):
    """Whether `torch.jit.save` wrote the file, as for OpenAI's."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(n.endswith("/constants.pkl") for n in archive.namelist())


def read_tensors(path: Path) -> dict:
    """Names to arrays of the checkpoint with the weights file `path`."""
    if path.suffix == ".json":
        index = (read_json(path) or {}).get("weight_map")
        if not index or not (
            isinstance(index, dict)
            and all(isinstance(name, str) for name in index.values())
        ):
            raise ValueError(
                f"`weight_map` of {path} must name the file of each tensor. "
                f"Received: weight_map={index!r:.100}"
            )
        parts = {path.parent / name for name in index.values()}
        missing = sorted(p.name for p in parts if not p.is_file())
        if missing:
            raise ValueError(
                f"`path` must have every file that {path.name} names. "
                f"Received: {os.fspath(path.parent)!r}, without {missing}"
            )
        return {
            name: tensor
            for part in sorted(parts)
            for name, tensor in read_tensors(part).items()
        }
    safetensors = _import_safetensors()
    try:
        return safetensors.numpy.load_file(path)
    # AttributeError: a dtype that NumPy does not have, such as float8.
    except (safetensors.SafetensorError, AttributeError, TypeError) as error:
        raise ValueError(
            f"`path` must be a checkpoint in safetensors. Received: "
            f"{os.fspath(path)!r}: {error}"
        ) from error


def check_dtypes(tensors: dict) -> None:
    """Raises for weights that are not floats, such as quantized ones."""
    others = {
        name: tensor.dtype.name
        for name, tensor in tensors.items()
        if tensor.ndim > 1 and tensor.dtype.name not in _FLOATS
        if not name.endswith("position_ids")
    }
    if others:
        name, dtype = next(iter(others.items()))
        raise ValueError(
            f"The checkpoint's weights must be of one of {_FLOATS}. Received: "
            f"{name} of {dtype}, one of {len(others)}"
        )


def write_tensors(tensors: dict, path: Path) -> None:
    # transformers requires the entry `format`.
    metadata = {"format": "pt", "written_by": _WRITER}
    _import_safetensors().numpy.save_file(tensors, path, metadata)


def check_overwrites_ours(weights: Path, settings: list[Path]) -> None:
    """Raises if writing would replace a file that is not from this package.

    Args:
        weights: Path of the file of weights that will be written.
        settings: Paths of the other files that will be written.
    """
    taken = [path.name for path in (weights, *settings) if path.exists()]
    if taken and not (weights.exists() and _is_ours(weights)):
        raise ValueError(
            "`path` must be a folder without a checkpoint of another program, "
            "which would be overwritten. Received: "
            f"{os.fspath(weights.parent)!r}, "
            f"which has {taken}. Choose another folder."
        )


def _is_ours(path):
    safetensors = _import_safetensors()
    try:
        with safetensors.safe_open(path, "np") as file:
            return (file.metadata() or {}).get("written_by") == _WRITER
    except safetensors.SafetensorError:
        return False


def _import_safetensors():
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "Checkpoints of other libraries need the `safetensors` package. "
            'Install it with `pip install "keras_contrastive[checkpoints]"`.'
        ) from error
    return safetensors
