"""The sections of a report, as HTML."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_contrastive.evaluation.checks import normalize_rows
from keras_contrastive.visualization import map_data
from keras_contrastive.visualization import sheets
from keras_contrastive.visualization.cosine_similarity import cosine_similarity
from keras_contrastive.visualization.figure import one_line
from keras_contrastive.visualization.history_panels import IN_THE_BATCH
from keras_contrastive.visualization.history_panels import make_panels
from keras_contrastive.visualization.html_page import rows
from keras_contrastive.visualization.html_page import section
from keras_contrastive.visualization.html_page import table
from keras_contrastive.visualization.html_pictures import Picture
from keras_contrastive.visualization.html_pictures import escape
from keras_contrastive.visualization.html_pictures import row
from keras_contrastive.visualization.interactive_map import interactive_map
from keras_contrastive.visualization.metric_names import in_words
from keras_contrastive.visualization.plot_embeddings import plot_embeddings
from keras_contrastive.visualization.plot_history import plot_panel
from keras_contrastive.visualization.scores import Score
from keras_contrastive.visualization.svg_figure import themed
from keras_contrastive.visualization.svg_figure import to_svg
from keras_contrastive.visualization.verdict import judge

VIEWS = 5  # at most, of an image


def verdict(
    logs: Mapping[str, np.ndarray],
    scores: Sequence[Score],
    untrained: Mapping[str, float],
    embeddings: np.ndarray,
) -> str:
    """The verdict in words, and the scores beside their baselines."""
    findings = "".join(
        f'<p class="finding {kind}">{escape(text)}</p>'
        for kind, text in judge(logs, scores, untrained, embeddings)
    )
    if scores:
        content = [
            (s.name, s.value, untrained.get(s.key), s.chance, s.majority)
            for s in scores
        ]
        head = ["", "trained", "before", "chance", "most frequent class"]
        filled = [i for i in range(5) if any(r[i] is not None for r in content)]
        findings += rows(
            [[_percent(each[i]) for i in filled] for each in content],
            [head[i] for i in filled],
        )
    return section("Verdict", findings)


def neighbors(
    embeddings: np.ndarray,
    read: Callable[[int], np.ndarray],
    names: Sequence[str],
    labels: np.ndarray | None,
    class_names: Sequence[str] | None,
) -> str:
    titles, note = list(names), ""
    if labels is not None:
        titles = [str(class_names[i] if class_names else i) for i in labels]
        note = " Those of its class have a check mark."
    sheet = sheets.neighbor_sheet(embeddings, read, titles, labels)
    return section(
        "Nearest neighbors",
        sheet,
        "The first image of each row, and the images that the model finds "
        f"most similar to it. The rows were not chosen by their results.{note}",
    )


def retrieval(
    image_embeddings: np.ndarray,
    text_embeddings: np.ndarray,
    read: Callable[[int], np.ndarray],
    names: Sequence[str],
    captions: Sequence[str],
    image_index: np.ndarray,
) -> list[str]:
    similarity = cosine_similarity(image_embeddings, text_embeddings)
    among = f"{len(names):,} images and {len(captions):,} captions"
    return [
        section(
            "Images that captions find",
            sheets.images_of_captions(similarity, read, captions, image_index),
            f"The most similar images of each caption, among {among}. Its own "
            "image has a check mark; numbers are similarities.",
        ),
        section(
            "Captions that images find",
            sheets.captions_of_images(
                similarity, read, names, captions, image_index
            ),
            f"The most similar captions of each image, among {among}. Its own "
            "captions have a check mark.",
        ),
    ]


def static_map(
    embeddings: np.ndarray,
    labels: np.ndarray | None,
    class_names: Sequence[str] | None,
    pictures: np.ndarray,
) -> str:
    unit = normalize_rows(embeddings)
    with themed():
        figure = plot_embeddings(unit, labels, class_names, pictures)
    svg = to_svg(figure, "Map of the embeddings with images")
    return section(
        "Map", svg, "Images that the model finds similar are near each other."
    )


def dynamic_map(
    embeddings: np.ndarray,
    labels: np.ndarray | None,
    class_names: Sequence[str] | None,
    pictures: np.ndarray,
    names: Sequence[str],
    columns: Mapping[str, Any],
    search: Mapping[str, Any],
) -> str:
    """The map by plotly.

    Args:
        embeddings: Array, shape `(n, d)`.
        labels: Int array, shape `(n,)`, or `None`.
        class_names: List of strings, or `None`.
        pictures: Array, shape `(n, height, width, 3)`, uint8.
        names: List of n strings.
        columns: Dict of arrays of shape `(n,)` to color the points by.
        search: Empty, or a dict with `sentences`, `found`, the images that they
            find, and `texts`, a text for each image.
    """
    near, distances = map_data.neighbors(embeddings)
    data = {
        "names": [one_line(name) for name in names],
        "layouts": map_data.layouts(embeddings),
        "columns": map_data.columns(
            embeddings, labels, class_names, columns, distances
        ),
        "neighbors": near.tolist(),
        **search,
    }
    sentences = (
        f" The search knows the {len(search['sentences']):,} words and "
        "captions of its list alone, which were computed in advance."
        if search
        else ""
    )
    return section(
        "Map",
        interactive_map(data, pictures),
        "Images that the model finds similar are near each other. Click an "
        "image for its neighbors, drag to move, zoom with the wheel after a "
        f"click, and list names with the lasso.{sentences}",
    )


def curves(logs: Mapping[str, np.ndarray]) -> str:
    with themed():
        figures = [(p.title, plot_panel(p)) for p in make_panels(logs)]
    svgs = "".join(to_svg(figure, escape(title)) for title, figure in figures)
    return section("Training", f'<div class="curves">{svgs}</div>')


def views(images: np.ndarray, views: Sequence[np.ndarray]) -> str:
    groups = [
        [
            Picture(image, "image", "query"),
            *(
                Picture(view[i], f"view {number}")
                for number, view in enumerate(views[:VIEWS], 1)
            ),
        ]
        for i, image in enumerate(images)
    ]
    if len(groups[0]) == 3:  # Two images fill a line, or one on a phone.
        groups = [[each for group in groups for each in group]]
    return section(
        "Views",
        "".join(map(row, groups)),
        "What the model sees in training: random crops, colors and the like. "
        "They should keep what you want it to notice.",
    )


def last_epoch(
    logs: Mapping[str, np.ndarray],
    scores: Sequence[Score],
    rank: float,
    shape: tuple[int, int],
) -> str:
    """The numbers that are not in the verdict."""
    known = {f"val_{score.key}" for score in scores}
    entries = {}
    for panel in make_panels(logs):
        for name, values in panel.curves.items():
            if name not in known:
                words = in_words(name)
                if panel.title.endswith(IN_THE_BATCH):
                    words += IN_THE_BATCH
                measured = values[np.isfinite(values)]
                # The loss may never have been finite.
                entries[words] = measured[-1] if len(measured) else np.nan
    entries["dimensions in use, of these embeddings"] = rank
    entries["dimensions of the embeddings"] = shape[1]
    return section("Numbers of the last epoch", table(entries))


def settings(entries: Mapping[str, Any]) -> str:
    content = f"<details><summary>Show</summary>{table(entries)}</details>"
    return section("Settings", content)


def _percent(value: Any) -> Any:
    return f"{value:.1%}" if isinstance(value, float) else value
