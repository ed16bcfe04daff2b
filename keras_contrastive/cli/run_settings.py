"""Compares the settings of a command with those of a run in its folder."""

from collections.abc import Iterable
from pathlib import Path

from keras_contrastive.cli.sources import Columns

# Settings that are added when a run is trained for more epochs.
OF_LONGER_RUNS = ("first_epochs", "trained_epochs")
# Settings that are known before the images of the run are read.
OF_SOURCE = ("model", "folder", *Columns._fields)


def changed_settings(
    begun: dict, settings: dict, names: Iterable[str]
) -> list[str]:
    """The settings of a run that differ from others, such as `seed=1`.

    Args:
        begun: Settings of the run.
        settings: Settings of a command.
        names: The settings to compare.
    """
    return [
        f"{name}={begun.get(name)!r}"
        for name in sorted({*names} - {*OF_LONGER_RUNS})
        if begun.get(name) != settings.get(name)
        and not (name == "folder" and _same_table(begun, settings))
    ]


def _same_table(begun, settings):
    """Whether both name the same file: earlier versions resolved its link."""
    places = [each.get("folder") for each in (begun, settings)]
    if not all(isinstance(place, str) for place in places):
        return False
    first, second = (Path(place).resolve() for place in places)
    return first == second and first.is_file()
