"""Writes figures and embeddings for TensorBoard."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_contrastive.visualization.figure import one_line
from keras_contrastive.visualization.figure import to_numpy
from keras_contrastive.visualization.figure import to_pictures
from keras_contrastive.visualization.plot_embeddings import check_features
from keras_contrastive.visualization.plot_embeddings import check_labels
from keras_contrastive.visualization.plot_embeddings import check_length

SPRITE = 64  # pixels of a thumbnail
LARGEST_SPRITE = 8192  # pixels per side that the projector can show
# First text of the configuration, followed by all files written so far.
WRITER = "# Written by keras_contrastive:"
CONFIG_FILE = "projector_config.pbtxt"
CONFIG = """\
embeddings {
  tensor_name: "embeddings"
  tensor_path: "embeddings.tsv"
%s}
"""


def write_tensorboard_figure(
    log_dir: str | Path, figure: Any, tag: str, step: int = 0
) -> None:
    """Writes a figure for the images tab of TensorBoard.

    Args:
        log_dir: folder that TensorBoard reads, such as that of
            `keras.callbacks.TensorBoard`.
        figure: a `matplotlib.figure.Figure`, such as the result of
            `plot_views`.
        tag: name of the figure. Figures with the same tag have a slider over
            the steps.
        step: int.

    Raises:
        ImportError: if tensorboard isn't installed.

    Example:
        ```python
        import keras_contrastive as kc

        images = kc.datasets.shapes(4, image_size=32).images
        views = kc.layers.MultiView(kc.layers.RandomResizedCrop(32, 32))
        figure = kc.visualization.plot_views(images, views)
        kc.visualization.write_tensorboard_figure("logs", figure, "views")
        ```
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise ImportError(
            "This needs TensorBoard: "
            "pip install 'keras_contrastive[tensorboard]'."
        ) from error
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    width, height = (int(100 * side) for side in figure.get_size_inches())
    image = Summary.Image(
        encoded_image_string=file.getvalue(),
        width=width,
        height=height,
        colorspace=4,  # RGBA
    )
    writer = EventFileWriter(str(Path(log_dir).expanduser()))
    summary = Summary(value=[Summary.Value(tag=tag, image=image)])
    writer.add_event(Event(step=step, summary=summary))
    writer.close()


def write_tensorboard_projector(
    log_dir: str | Path,
    features: Any,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    images: Any = None,
) -> None:
    """Writes embeddings for TensorBoard's projector.

    The projector shows them in three dimensions, by PCA, t-SNE or UMAP, and
    shows the neighbors of a point. Writing requires neither TensorFlow nor
    TensorBoard. A call replaces the files of earlier calls, but no other files.

    Args:
        log_dir: folder that TensorBoard reads.
        features: array or tensor of floats, shape `(n, d)`.
        labels: array or tensor of integers, shape `(n,)`: colors the points.
        class_names: the names of the classes.
        images: array or tensor, shape `(n, height, width, 3)`, uint8 or floats
            from 0 to 1: drawn instead of the points. At most 16,384.

    Raises:
        ImportError: if there are images and Pillow isn't installed.
        ValueError: if an argument has a wrong shape, length or range, or if
            `log_dir` has files of the same names that this function did not
            write.

    Example:
        ```python
        import keras_contrastive as kc

        data = kc.datasets.shapes(30, image_size=32)
        kc.visualization.write_tensorboard_projector(
            "logs",
            data.images.reshape(30, -1) / 255.0,
            data.labels,
            data.class_names,
            data.images,
        )
        ```
    """
    features = check_features(to_numpy(features))
    config, files, lines, sprite = "", {"embeddings.tsv"}, None, None
    if labels is not None:
        labels = check_labels(to_numpy(labels), len(features), class_names)
        names = labels
        if class_names is not None:
            names = [class_names[label] for label in labels]
        # One column has no heading.
        lines = "".join(f"{one_line(name)}\n" for name in names)
        files.add("metadata.tsv")
        config += '  metadata_path: "metadata.tsv"\n'
    if images is not None:
        images = to_pictures("images", images)
        check_length("images", images, len(features))
        sprite = make_sprite(images)
        files.add("sprite.png")
        config += (
            '  sprite {\n    image_path: "sprite.png"\n'
            f"    single_image_dim: {SPRITE}\n    single_image_dim: {SPRITE}\n"
            "  }\n"
        )
    log_dir = Path(log_dir).expanduser()
    files |= check_files_are_ours(log_dir, files)
    log_dir.mkdir(parents=True, exist_ok=True)
    # Written first, so that all later files are known to be ours.
    written = " ".join([WRITER, *sorted(files)])
    (log_dir / CONFIG_FILE).write_text(f"{written}\n{CONFIG % config}")
    np.savetxt(log_dir / "embeddings.tsv", features, fmt="%.6g", delimiter="\t")
    if lines is not None:
        (log_dir / "metadata.tsv").write_text(lines, encoding="utf-8")
    if sprite is not None:
        sprite.save(log_dir / "sprite.png")


def check_files_are_ours(log_dir, files):
    """Raises if one of the files exists and no earlier call wrote it.

    Returns:
        A set of the names of the files that earlier calls wrote.
    """
    config, ours = log_dir / CONFIG_FILE, set()
    if config.is_file():
        text = config.read_text(encoding="utf-8", errors="replace")
        first, *_ = text.split("\n")
        if first.startswith(WRITER):
            ours = {CONFIG_FILE, *first.removeprefix(WRITER).split()}
    taken = [
        name
        for name in sorted({CONFIG_FILE, *files} - ours)
        if (log_dir / name).exists()
    ]
    if taken:
        raise ValueError(
            "`log_dir` must not have other files, which would be "
            f"overwritten. Received: log_dir={str(log_dir)!r}, which has "
            f"{taken}. Choose another folder, one below it for example."
        )
    return ours - {CONFIG_FILE}


def make_sprite(images):
    """The images in rows on a square picture, as the projector requires."""
    side = int(np.ceil(np.sqrt(len(images))))
    if side * SPRITE > LARGEST_SPRITE:
        raise ValueError(
            f"`images` must be at most {(LARGEST_SPRITE // SPRITE) ** 2:,} for "
            f"TensorBoard's projector. Received: {len(images):,}"
        )
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Thumbnails need Pillow: pip install 'keras_contrastive[datasets]'."
        ) from error
    sprite = Image.new("RGB", (side * SPRITE, side * SPRITE), "white")
    for index, image in enumerate(images):
        thumbnail = Image.fromarray(image).resize((SPRITE, SPRITE))
        row, column = divmod(index, side)
        sprite.paste(thumbnail, (column * SPRITE, row * SPRITE))
    return sprite
