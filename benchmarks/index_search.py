"""Search among a million embeddings, beside faiss' exact index.

    python benchmarks/index_search.py

Random unit vectors of 512 numbers; one query at a time, and 64 at once; k = 10.
Both search all rows, in turns, in one process on all cores; the median of the
rounds. Beside them the product of rows and queries, which neither can do
without. Then the approximate search on a fiftieth of the rows. Writes a table
into `benchmarks/results/`. Needs `pip install faiss-cpu`.
"""

import argparse
import statistics
import time
from pathlib import Path

import faiss
import numpy as np

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--rows", default=1_000_000, type=int)
parser.add_argument("--dim", default=512, type=int)
parser.add_argument("--rounds", default=7, type=int)
parser.add_argument(
    "--results", default=Path(__file__).parent / "results", type=Path
)
args = parser.parse_args()
K = 10


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def rounds(functions):
    """The median seconds of each function; they take turns."""
    times = {name: [] for name in functions}
    for _ in range(args.rounds):
        for name, function in functions.items():
            times[name].append(seconds(function))
    return {name: statistics.median(each) for name, each in times.items()}


rng = np.random.default_rng(0)
rows = rng.standard_normal((args.rows, args.dim), dtype="float32")
index = kc.index.EmbeddingIndex(rows)
rows = index.embeddings
flat = faiss.IndexFlatIP(args.dim)
flat.add(rows)
lines = [
    f"{args.rows:,} rows of {args.dim} numbers, k = {K}, "
    f"{faiss.omp_get_max_threads()} threads; milliseconds per query, the "
    f"median of {args.rounds} rounds. faiss {faiss.__version__}, NumPy "
    f"{np.__version__}.",
    "",
    "| queries at once | keras_contrastive | NumPy's product alone | "
    "faiss, exact | ratio to faiss |",
    "|---|---|---|---|---|",
]
for count in (1, 64):
    queries = rng.standard_normal((count, args.dim), dtype="float32")
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    found = index.search(queries, K)
    _, expected = flat.search(queries, K)
    assert (found.ids == expected).mean() > 0.99
    times = rounds(
        {
            "ours": lambda queries=queries: index.search(queries, K),
            "product": lambda queries=queries: queries @ rows.T,
            "faiss": lambda queries=queries: flat.search(queries, K),
        }
    )
    ours, product, theirs = (1e3 * each / count for each in times.values())
    lines.append(
        f"| {count} | {ours:.1f} | {product:.1f} | {theirs:.1f} | "
        f"{ours / theirs:.2f} |"
    )
part = kc.index.EmbeddingIndex(rows[: args.rows // 50])
queries = rng.standard_normal((64, args.dim), dtype="float32")
start = time.perf_counter()
graph = part.approximate("faiss")
built = time.perf_counter() - start
times = rounds(
    {
        "exact": lambda: part.search(queries, K),
        "graph": lambda: graph.search(queries, K),
    }
)
lines += [
    "",
    f'`approximate("faiss")` on {len(part):,} of the rows: built in '
    f"{built:.0f} s; {1e3 * times['graph'] / 64:.2f} ms per query, exact "
    f"{1e3 * times['exact'] / 64:.2f} ms, 64 at once; recall@{K} "
    f"{graph.recall(queries, K):.2f} (random vectors, which have no clusters, "
    "are the hardest case).",
]
args.results.mkdir(exist_ok=True)
(args.results / "index_search.md").write_text("\n".join(lines) + "\n")
print("\n".join(lines))
