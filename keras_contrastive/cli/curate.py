"""`curate`: writes a table and sheets of images to review."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_contrastive import curation
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.contact_sheet import shorten
from keras_contrastive.cli.curation_files import CurationFiles
from keras_contrastive.cli.embedding import embed_records
from keras_contrastive.cli.images import picture_reader
from keras_contrastive.cli.output import check_outside
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import find_images
from keras_contrastive.cli.sources import relative_name
from keras_contrastive.command import program
from keras_contrastive.curation.clusters import import_cluster
from keras_contrastive.curation.neighbors import neighbors
from keras_contrastive.curation.neighbors import unit_rows
from keras_contrastive.visualization.figure import select_shown
from keras_contrastive.visualization.plot_examples import plot_examples

PIXELS = 192  # per side of a picture on a sheet
ALIKE = 0.95  # minimum cosine similarity of the pairs that are counted


def run(args):
    run_folder = RunFolder(args.model)
    settings = run_folder.settings()
    files = CurationFiles(args.output or run_folder.path / "curation")
    files.check(args.force)
    check_outside(files.folder, args.source, "--output")
    import_cluster()
    channels = Channels.of(settings)
    found = find_images(args, settings, channels)
    rows, places, names = embed_records(
        run_folder.load_model(), found.records, settings["image_size"], channels
    )
    if len(rows) < 2:
        raise ValueError(
            f"SOURCE must have at least two readable images. Received: "
            f"{args.source}, with {len(rows)}"
        )
    names = [relative_name(name, found.folder) for name in names]
    labels = None
    if found.labels is not None:
        labels = np.array([*found.class_names, ""])[found.labels[places]]
    findings = find_all(rows, names, labels, args.show)
    read_picture = picture_reader(found.records, channels, PIXELS)
    files.start()
    columns = {"image": names}
    for finding in findings:
        columns |= finding.columns
        if len(finding.images):
            read = [read_picture(places[image]) for image in finding.images]
            shown, _ = select_shown(np.stack(read), channels.rgb_channels)
            titles = finding.titles
            files.add_sheet(finding.name, plot_examples(shown, titles))
    files.write_table(columns)
    print(f"{files.table}: {len(names):,} images")
    words = ["serve", str(args.source), "--model", str(args.model)]
    print(f"Next: {program()} {shlex.join(words)}")


class Finding(NamedTuple):
    """The result of one of the functions below.

    Attributes:
        name: String, the name of the sheet.
        columns: Dict of columns of the table, with one value per image.
        images: The images on the sheet.
        titles: Their titles.
    """

    name: str
    columns: dict[str, Sequence]
    images: Sequence[int]
    titles: Sequence[str]


def find_all(
    rows: np.ndarray, names: Sequence[str], labels: Any, shown: int
) -> list[Finding]:
    """Finds duplicates, outliers, subsets and label errors.

    Args:
        rows: Array, shape `(n, dim)`, the embeddings.
        names: List of n strings.
        labels: Array of n strings, `""` for a missing label; or `None`.
        shown: Int, images on a sheet.
    """
    titles = [shorten(Path(name).name) for name in names]
    findings = [
        find_duplicates(rows, names, titles, shown),
        find_outliers(rows, titles, shown),
        find_subset("typical", curation.typical_subset, rows, titles, shown),
        find_subset("diverse", curation.diverse_subset, rows, titles, shown),
    ]
    if labels is not None and len(set(labels) - {""}) > 1:
        findings.append(find_label_errors(rows, labels, shown))
    else:
        print("No label_errors.png: the images have no classes, or only one.")
    return findings


def find_duplicates(rows, names, titles, shown):
    """Finds each image's nearest neighbor, and the most similar pairs."""
    similarity, nearest = neighbors(unit_rows(rows), 1)
    similarity, nearest = similarity[:, 0], nearest[:, 0]
    order = np.argsort(-similarity, kind="stable")
    pairs = {tuple(sorted((image, nearest[image]))): image for image in order}
    alike = sum(similarity[image] >= ALIKE for image in pairs.values())
    print(f"{alike:,} pairs of images have a similarity of {ALIKE} or more")
    images, shown_titles = [], []
    for pair, image in list(pairs.items())[: max(1, shown // 2)]:
        images += pair
        score = f"{similarity[image]:.3f}"
        shown_titles += [f"{score} {titles[each]}" for each in pair]
    columns = {
        "nearest": [names[image] for image in nearest],
        "similarity": written(similarity),
    }
    return Finding("duplicates", columns, images, shown_titles)


def find_outliers(rows, titles, shown):
    table = curation.outliers(rows)
    score = np.empty(len(rows))
    score[table["row"]] = table["score"]
    first = table["row"][:shown]
    shown_titles = [f"{score[image]:.3f} {titles[image]}" for image in first]
    return Finding("outliers", {"outlier": written(score)}, first, shown_titles)


def find_subset(name, choose, rows, titles, shown):
    """Chooses images; the column holds their rank, from 1."""
    chosen = choose(rows, min(shown, len(rows)))
    column = np.full(len(rows), "", dtype=object)
    column[chosen] = np.arange(1, len(chosen) + 1)
    return Finding(
        name, {name: column}, chosen, [titles[image] for image in chosen]
    )


def find_label_errors(rows, labels, shown):
    labeled = np.flatnonzero(labels != "")
    table = curation.label_errors(rows[labeled], labels[labeled])
    image = labeled[table["row"]]
    suggestion, score = np.full((2, len(rows)), "", dtype=object)
    suggestion[image] = table["suggestion"]
    score[image] = written(table["score"])
    count = int((table["score"] > 0).sum())
    print(f"{count:,} of {len(image):,} labels have neighbors of another class")
    if count > len(image) // 4:
        print(
            "  Such a high count suggests that this model hardly "
            "distinguishes the\n  classes, and that most of these labels are "
            "right."
        )
    images = image[: min(count, shown)]
    return Finding(
        "label_errors",
        {"label": labels, "suggestion": suggestion, "label_error": score},
        images,
        [f"{labels[i]}, not {suggestion[i]}?" for i in images],
    )


def written(numbers: np.ndarray) -> np.ndarray:
    """Formats numbers with four decimals."""
    return np.char.mod("%.4f", numbers)
