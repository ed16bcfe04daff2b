"""Each method of images beside lightly's: what both learn, CPU scale.

    python benchmarks/quality/methods.py --data-dir DIR --methods byol,moco

`methods_ours.py` and `methods_lightly.py` are the two sides. Both train the
encoder of `simclr.py` on the same images, with the views of SimCLR at strength
0.5 without blur, SGD at 0.06 for a batch of 128, momentum 0.9 and one cosine to
0. `recipes` has what differs between methods: the sizes of the heads are those
of lightly's CIFAR-10 benchmark, scaled from its encoder (512 wide) to ours. The
representations of the last epoch are scored by kNN (k = 200). Writes a table to
`benchmarks/results/`; takes the other arguments of `simclr.py`.

The two sides differ in what a user of each gets:

* Initial weights are those of Keras and of PyTorch, as in `simclr.py`. The
  latter's are smaller, so that the same rate changes them more in the first
  steps. With `--pytorch-weights` ours are drawn as PyTorch's.
* The teacher of MoCo, BYOL and DINO moves after the optimizer in ours, and
  before the forward pass in lightly's. Its BatchNorms normalize by their own
  batch in both; the momentum is constant.
* Both views go through the network in one pass, so that a BatchNorm sees both,
  except for MoCo's, where student and teacher see one view each. Examples are
  not shuffled, since the batch is on one device.
* A BatchNorm at the end of a head has a gain and no offset in ours. In
  lightly's, it has both for SimCLR, DCL and NNCLR, and neither for SimSiam.
* NNCLR's loss is the paper's in ours, which compares neighbors with the
  predictions of the other view. lightly's example has NT-Xent, which also
  compares them with each other.
* SwAV's prototypes have a bias in lightly, and are normalized once a step; ours
  are normalized in the forward pass.
* DINO's head has ReLU in ours and GELU in lightly's. Its last layer is frozen
  for the first epoch in both. There are two global views and no local ones.
"""

import statistics

import contender_runs
import simclr


def recipes(args, count):
    """What the case of each method adds to that of `simclr.recipe`.

    `head` is the hidden and the output width of the projector, `predictor` the
    hidden width of the predictor.

    Args:
        args: The arguments of the command line.
        count: Int, number of training images.
    """
    dim = 8 * args.width
    # Below the number of images, and whole batches.
    queue = min(4096, count // 2) // args.batch_size * args.batch_size
    teacher = {"teacher_momentum": 0.99}
    # Barlow Twins' loss grows with the dimension and VICReg's has weights of
    # 25; the authors of the former scale it by 0.1 or less. On SGD that is a
    # lower rate.
    redundancy = {
        "head": [4 * dim, 4 * dim],
        "learning_rate": 0.1 * 0.06 * args.batch_size / 128,
    }
    return {
        "simclr": {"head": [dim, 128], "temperature": 0.5},
        "dcl": {"head": [dim, 128], "temperature": 0.1},
        "barlow_twins": redundancy,
        "vicreg": redundancy,
        "moco": {
            "head": [dim, 128],
            "temperature": 0.1,
            "queue": max(queue, args.batch_size),
            **teacher,
        },
        "byol": {
            "head": [2 * dim, dim // 2],
            "predictor": 2 * dim,
            **teacher,
        },
        "simsiam": {
            "head": [4 * dim, 4 * dim],
            "predictor": dim,
            "learning_rate": 0.06,
        },
        "nnclr": {
            "head": [4 * dim, dim // 2],
            "predictor": 8 * dim,
            "temperature": 0.1,
            "queue": max(queue, args.batch_size),
        },
        "swav": {
            "head": [dim, 128],
            "prototypes": dim,
            "optimizer": "adam",
            "learning_rate": 1e-3 * args.batch_size / 128,
            "weight_decay": 0.0,
        },
        "dino": {
            "head": [4 * dim, dim // 2],
            "prototypes": 4 * dim,
            "frozen_epochs": 1,
            "frozen_steps": count // args.batch_size,
            **teacher,
        },
    }


def make_contenders(methods, backends, changes, has_peer, of_ours):
    """Contenders: each method, ours on each backend and lightly's.

    `of_ours` is what the cases of our side have besides.
    """
    contenders = {}
    for method in methods:
        case = {"method": method, **changes[method]}
        for backend in backends:
            contenders[f"{method}, {backend}"] = contender_runs.ours(
                backend, "methods_ours.py", **case, **of_ours
            )
        if has_peer:
            contenders[f"{method}, lightly"] = contender_runs.peer(
                "methods_lightly.py", **case
            )
    return contenders


def report(results, methods, sides, steps, title, path):
    """Writes a table and a plot, a line a method; prints the table.

    Args:
        results: What `contender_runs.run` returned.
        methods: List of names.
        sides: List of the backends, and `"lightly"`.
        steps: Int, the number of steps of a run.
        title: String above the table.
        path: Path of the table; the plot's ends in .png.
    """

    def cells(method, key):
        for side in sides:
            runs = results[f"{method}, {side}"]
            yield contender_runs.cell([one[key] for one in runs])

    def each(method, key, unit):
        for side in sides:
            runs = results[f"{method}, {side}"]
            median = statistics.median(one[key] for one in runs)
            yield f"{median / unit:.2f}"

    names = [
        side if side == "lightly" else f"keras_contrastive, {side}"
        for side in sides
    ]
    header = [
        "method",
        *(f"kNN, {name}" for name in names),
        f"seconds per step, {' / '.join(names)}",
        "GB of the process",
        *(f"random init, {name}" for name in names),
    ]
    lines = [
        f"{title}; mean ± standard deviation (each seed)",
        "",
        f"| {' | '.join(header)} |",
        "|---" * len(header) + "|",
    ]
    for method in methods:
        row = [
            method,
            *cells(method, "final_knn"),
            " / ".join(each(method, "seconds", steps)),
            " / ".join(each(method, "peak_bytes", 1e9)),
            *cells(method, "init_knn"),
        ]
        lines.append(f"| {' | '.join(row)} |")
    versions = {runs[0]["versions"] for runs in results.values()}
    lines += ["", "; ".join(sorted(versions))]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    plot(results, methods, sides, path.with_suffix(".png"))


def plot(results, methods, sides, path):
    """A line a method: a dot a seed, a bar at their mean, random init gray."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 0.6 + 0.45 * len(methods)))
    for number, side in enumerate(sides):
        color, shift = f"C{number}", 0.3 * (number - (len(sides) - 1) / 2)
        for line, method in enumerate(methods):
            runs = results[f"{method}, {side}"]
            ends, starts = (
                [100 * one[key] for one in runs]
                for key in ("final_knn", "init_knn")
            )
            places = [line + shift] * len(runs)
            axes.plot(starts, places, ".", color="0.7")
            axes.plot(ends, places, "o", color=color, markersize=5)
            mean = statistics.mean(ends)
            axes.plot(mean, line + shift, "|", color=color, markersize=14)
        name = side if side == "lightly" else f"keras_contrastive, {side}"
        axes.plot([], [], "o", color=color, label=name)
    axes.plot([], [], ".", color="0.7", label="random init")
    axes.set_yticks(range(len(methods)), methods)
    axes.invert_yaxis()
    axes.set_xlabel("kNN accuracy, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main():
    parser = simclr.parser
    parser.description = __doc__.splitlines()[0]
    parser.add_argument("--methods", help="names, with commas; default: all")
    parser.add_argument("--pytorch-weights", action="store_true")
    parser.set_defaults(
        backend=["torch"],
        images=9_984,
        output="runs/quality/methods",
        name="quality_methods",
    )
    args = parser.parse_args()
    path, data = simclr.make_data(args)
    count = len(data["train_images"])
    changes = recipes(args, count)
    methods = args.methods.split(",") if args.methods else list(changes)
    if unknown := set(methods) - set(changes):
        parser.error(f"no methods: {', '.join(sorted(unknown))}")
    results = contender_runs.run(
        make_contenders(
            methods,
            args.backend,
            changes,
            args.peer,
            {"pytorch_weights": True} if args.pytorch_weights else {},
        ),
        args.seeds,
        simclr.recipe(args, path),
        args.output,
        simclr.evaluator(data, linear=False),
        args.workers,
    )
    report(
        results,
        methods,
        [*args.backend, *(["lightly"] if args.peer else [])],
        args.epochs * (count // args.batch_size),
        f"{simclr.title(args, data)}, batches of {args.batch_size}, width "
        f"{args.width}",
        args.results / f"{args.name}.md",
    )


if __name__ == "__main__":
    main()
