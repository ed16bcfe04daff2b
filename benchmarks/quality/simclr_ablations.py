"""What each choice of SimCLR's recipe is worth, CPU scale.

    python benchmarks/quality/simclr_ablations.py --data-dir DIR --workers 2

The recipe of `simclr.py` with one thing changed at a time, on the same images,
scored in the same way. Takes the arguments of `simclr.py`, and `--only` for
some of the lines.
"""

import contender_runs
import simclr

CHANGES = {
    "the recipe": {},
    "last gains of 0": {"zero_init_residual": True},
    "PyTorch's initial weights": {"pytorch_weights": True},
    "rate x 3": {"learning_rate": 0.36},
    "temperature 0.2": {"temperature": 0.2},
    "temperature 0.2, rate x 3": {"temperature": 0.2, "learning_rate": 0.36},
    "decoupled": {"decoupled": True},
    "head of 3 layers": {"head_layers": 3},
    "no BatchNorm on z": {"output_batch_norm": False},
    "strength 1": {"strength": 1.0},
    "LARS": {"optimizer": "lars", "learning_rate": 1.0},
    "AdamW": {"optimizer": "adamw", "learning_rate": 2e-3},
}

if __name__ == "__main__":
    simclr.parser.add_argument("--only", nargs="+", default=list(CHANGES))
    args = simclr.parser.parse_args()
    path, data = simclr.make_data(args)
    contenders = {
        name: contender_runs.ours(
            args.backend[0], "simclr_ours.py", **CHANGES[name]
        )
        for name in args.only
    }
    results = contender_runs.run(
        contenders,
        args.seeds,
        simclr.recipe(args, path),
        args.output,
        simclr.evaluator(data),
        args.workers,
    )
    contender_runs.report(
        results,
        simclr.COLUMNS,
        simclr.title(args, data),
        args.results / args.name,
    )
