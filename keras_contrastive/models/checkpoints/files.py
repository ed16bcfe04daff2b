"""Checkpoints as files: one or several `.safetensors` beside a `.json`."""

import os
from pathlib import Path

from keras_contrastive.json_files import read_json

_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "open_clip_model.safetensors",
)
# In the metadata of the files that this package writes.
_WRITER = "keras_contrastive"
_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}


def find_weights(path: str | os.PathLike) -> Path:
    """The file of weights that `path` is, or that lies in the folder `path`.

    Raises:
        ValueError: If there is none, or only a pickle.
    """
    path = Path(path)
    if path.is_file():
        if path.suffix in _PICKLES:
            raise _pickled(path)
        return path
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
    return ValueError(
        "`path` must be a checkpoint in safetensors. Received: "
        f"{os.fspath(path)!r}, a pickle, which runs whatever code its author "
        "put into it when it is read. Where you trust it, convert it once, "
        "with PyTorch: safetensors.torch.save_file(torch.load(path, "
        "weights_only=True), 'open_clip_model.safetensors'), or, in "
        "transformers, CLIPModel.from_pretrained(folder).save_pretrained("
        "folder). See docs/pretrained.md."
    )


def read_tensors(path: Path) -> dict:
    """Name to array of the checkpoint whose file of weights is `path`."""
    if path.suffix == ".json":
        index = read_json(path)["weight_map"]
        parts = {path.parent / name for name in index.values()}
        return {
            name: tensor
            for part in sorted(parts)
            for name, tensor in read_tensors(part).items()
        }
    safetensors = _import_safetensors()
    try:
        return safetensors.numpy.load_file(path)
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"`path` must be a checkpoint in safetensors. Received: "
            f"{os.fspath(path)!r}: {error}"
        ) from error


def write_tensors(tensors: dict, path: Path) -> None:
    # The format is what transformers asks for.
    metadata = {"format": "pt", "written_by": _WRITER}
    _import_safetensors().numpy.save_file(tensors, path, metadata)


def check_overwrites_ours(weights: Path, settings: list[Path]) -> None:
    """Raises if a file is there that `write_tensors` was not called with.

    Args:
        weights: Path of the file of weights that will be written.
        settings: Paths of the files that will be written beside it.
    """
    taken = [path.name for path in (weights, *settings) if path.exists()]
    if taken and not (weights.exists() and _is_ours(weights)):
        raise ValueError(
            "`path` must be a folder without a checkpoint of others, which "
            f"would be overwritten. Received: {os.fspath(weights.parent)!r}, "
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
