"""The lines of results as a table.

    python benchmarks/gpu/results_table.py runs/gpu/results.jsonl \\
      --output benchmarks/results/gpu.md
"""

import argparse
import json
from pathlib import Path

# Of each epoch of a long run: in the file, not in the table.
LEFT_OUT = "epoch of the CIFAR-10 run"


def read(path):
    """The lines of a file, except for one that was cut off."""
    lines = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return lines


def write(lines, path, command):
    """Writes the page."""
    rows = [line for line in lines if line["what"] != LEFT_OUT]
    text = ["# On a GPU", ""]
    for row in rows:
        if row["what"] == "machine":
            text += [f"{_values(row, ': ')}.", ""]
    text += ["| part | backend | what | result |", "|---|---|---|---|"]
    for row in rows:
        if row["what"] != "machine":
            text.append(
                f"| {row['part']} | {row['backend']} | {row['what']} | "
                f"{_values(row)} |"
            )
    text += ["", f"`{command}`"]
    path.write_text("\n".join(text) + "\n")


def _values(row, between=" "):
    return ", ".join(
        f"{key.replace('_', ' ')}{between}{_short(value)}"
        for key, value in row.items()
        if key not in ("part", "backend", "what") and value is not None
    )


def _short(value):
    if isinstance(value, dict):
        return "; ".join(f"{k} {_short(v)}" for k, v in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lines", type=Path)
    parser.add_argument("--output", required=True, type=Path)
    args = parser.parse_args()
    write(read(args.lines), args.output, "python benchmarks/gpu/all.py")


if __name__ == "__main__":
    main()
