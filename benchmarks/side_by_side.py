"""Contenders in turn, each in a process of its own, and what came of it."""

import os
import platform
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import peers
from own_process import run_case

RESULTS = Path(__file__).parent / "results"
BACKENDS = {"TensorFlow": "tensorflow", "JAX": "jax", "PyTorch": "torch"}


def backend_of(contender):
    """The backend in the brackets of a contender's name, if it has any."""
    inside = contender.partition("(")[2].rstrip(")").split(",")[0]
    return BACKENDS.get(inside)


def compare(script, panels, unit, rounds, title):
    """Measures all contenders and writes `results/SCRIPT.md` and `.png`.

    `script --run '["PANEL", "CONTENDER"]'` prints a number, the more the
    better. Contenders named "ours" or with a backend in brackets run in this
    environment, the others in the peers'.

    Args:
        script: Path of the benchmark.
        panels: Dict from panel names to lists of contenders.
        unit: What the numbers are.
        rounds: How often each contender runs; in turns, so that a busy minute
            of the machine hits all.
        title: Title of the page.
    """
    found = {
        (panel, name): [] for panel, names in panels.items() for name in names
    }
    for turn in range(rounds):
        for panel, name in found:
            number = run_case(script, [panel, name], **_process(name))
            if number is not None:
                found[panel, name].append(number)
            print(f"{turn + 1}/{rounds} {panel}, {name}: {number}", flush=True)
        # After each round, since the whole may take an hour.
        _write(Path(script), panels, found, unit, turn + 1, title)


def _write(script, panels, found, unit, rounds, title):
    """Writes the table and the plot of what was found so far."""
    RESULTS.mkdir(exist_ok=True)
    lines = [f"# {title}", "", machine(), ""]
    for panel, names in panels.items():
        best = _best_peer(found, panel, names)
        lines += [
            f"## {panel}",
            "",
            f"| | {unit} | spread | beside the best peer |",
            "|---|---|---|---|",
        ]
        for name in names:
            numbers = found[panel, name]
            if not numbers:
                lines.append(f"| {name} | failed | | |")
                continue
            median = statistics.median(numbers)
            lines.append(
                f"| {name} | {_short(median)} | {_short(min(numbers))} to "
                f"{_short(max(numbers))} | {median / best:.2f} |"
            )
        lines.append("")
    command = f"python benchmarks/{script.name} --rounds {rounds}"
    lines += [
        f"`{command}`: median over the rounds, in which each has a process of "
        "its own, in turn.",
        "",
        f"![]({script.stem}.png)",
    ]
    (RESULTS / f"{script.stem}.md").write_text("\n".join(lines) + "\n")
    _plot(panels, found, unit, RESULTS / f"{script.stem}.png")


def machine():
    """The processor and the versions, as one line."""
    processor = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    ours = " ".join(
        f"{name} {metadata.version(name)}"
        for name in ("keras", "tensorflow-cpu", "jax", "torch")
    )
    listed = subprocess.run(
        [peers.python(), "-m", "pip", "list", "--format=freeze"],
        capture_output=True,
        text=True,
    ).stdout.split()
    shown = "kornia lightly open_clip_torch torch torchvision".split()
    theirs = [x for x in listed if x.partition("==")[0] in shown]
    return (
        f"{processor}, {os.cpu_count()} cores. Ours: {ours}. Peers: "
        f"{' '.join(theirs).replace('==', ' ')}."
    )


def _short(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _process(name):
    backend = backend_of(name)
    if backend is None and not name.startswith("ours"):
        return {"interpreter": peers.python()}
    return {
        "interpreter": sys.executable,
        "env": {**os.environ, "KERAS_BACKEND": backend or "tensorflow"},
    }


def _best_peer(found, panel, names):
    return max(
        statistics.median(found[panel, name])
        for name in names
        if not name.startswith(("ours", "by hand")) and found[panel, name]
    )


def _plot(panels, found, unit, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        len(panels),
        1,
        figsize=(8, 0.6 + 0.34 * sum(len(n) + 2 for n in panels.values())),
        height_ratios=[len(names) + 1 for names in panels.values()],
        squeeze=False,
        layout="constrained",
    )
    for axis, (panel, names) in zip(axes[:, 0], panels.items(), strict=True):
        names = [name for name in names if found[panel, name]][::-1]
        medians = [statistics.median(found[panel, name]) for name in names]
        spreads = [
            [m - min(found[panel, name]), max(found[panel, name]) - m]
            for m, name in zip(medians, names, strict=True)
        ]
        colours = [
            "tab:blue" if name.startswith("ours") else "tab:grey"
            for name in names
        ]
        axis.barh(
            names,
            medians,
            xerr=list(zip(*spreads, strict=True)),
            color=colours,
            capsize=2,
        )
        axis.bar_label(
            axis.containers[-1], [f" {_short(m)}" for m in medians], padding=6
        )
        axis.set_title(panel, loc="left")
        axis.margins(x=0.15)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel(unit)
    figure.savefig(path, dpi=120)
