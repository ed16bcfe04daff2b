"""What measures on a GPU runs on a CPU, at toy size."""

import importlib
import json
import time
from io import BytesIO

import keras
import numpy as np
import pytest

from tests.test_examples import ROOT

FOLDER = ROOT / "benchmarks" / "gpu"

pytestmark = pytest.mark.one_backend


@pytest.fixture
def module(monkeypatch):
    """A function that imports a script, as if it had been started."""
    monkeypatch.syspath_prepend(FOLDER)
    policy = keras.config.dtype_policy()
    yield importlib.import_module
    keras.config.set_dtype_policy(policy)


def lines_of(capsys):
    """What was reported since the last call."""
    printed = capsys.readouterr().out.splitlines()
    return [json.loads(line) for line in printed if line.startswith("{")]


@pytest.mark.parametrize(
    "name",
    ["ceilings", "exactness", "loss_speed", "views_speed", "clip_speed"],
)
def test_part(name, module, capsys):
    module(name).main(small=True)
    lines = lines_of(capsys)
    assert lines and all("what" in line for line in lines)
    errors = [v for line in lines for k, v in line.items() if "error" in k]
    assert all(error < 1e-4 for error in errors)


def test_simclr_speed(module, capsys):
    module("simclr_speed").main(small=True)
    lines = {line["what"]: line for line in lines_of(capsys)}
    assert lines["SimCLR"]["epoch_seconds"] > 0
    assert lines["SimCLR"]["weights_are_finite"]
    assert lines["predict and kNN"]["features_are_finite"]
    assert lines["profile of PyTorch's step"]["operations"] > 100


def packed_images(path, counts):
    """A file as `pack_cifar10.py` writes it, of random images."""
    from PIL import Image

    rng, arrays = np.random.default_rng(0), {}
    for split, count in counts.items():
        encoded = []
        for _ in range(count):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype="uint8")
            file = BytesIO()
            Image.fromarray(pixels).save(file, "JPEG")
            encoded.append(file.getvalue())
        arrays[f"{split}_bytes"] = np.frombuffer(b"".join(encoded), "uint8")
        arrays[f"{split}_ends"] = np.cumsum([len(x) for x in encoded])
        arrays[f"{split}_labels"] = np.arange(count, dtype="uint8") % 10
    np.savez(path, **arrays)


@pytest.mark.one_backend
@pytest.mark.parametrize("method", ["byol", "moco", "barlow_twins"])
def test_cifar10_by_other_methods(method, module, capsys, tmp_path):
    script = module("train_cifar10")
    packed_images(tmp_path / "cifar10.npz", {"train": 16, "test": 8})
    command = (
        f"--data {tmp_path}/cifar10.npz --state {tmp_path}/state --width 2 "
        f"--batch-size 8 --epochs 1 --method {method}"
    )
    script.main(script.arguments(command.split()))
    last = lines_of(capsys)[-1]
    assert last["method"] == method and 0 <= last["knn_accuracy"] <= 1


def test_cifar10_goes_on_where_it_was(module, capsys, tmp_path):
    script = module("train_cifar10")
    packed_images(tmp_path / "cifar10.npz", {"train": 16, "test": 8})
    command = (
        f"--data {tmp_path}/cifar10.npz --state {tmp_path}/state --width 2 "
        "--batch-size 8 --epochs 3 --save-every 1 --score-every 1 --seconds "
    )
    # No epoch but the first would end in time.
    script.main(script.arguments([*command.split(), "0.001"]))
    assert lines_of(capsys)[-1]["epoch"] == 1
    script.main(script.arguments([*command.split(), "1000"]))
    lines = lines_of(capsys)
    epochs = [line["epoch"] for line in lines if "seconds" in line]
    assert epochs == [2, 3]
    assert lines[-1]["epochs"] == 3 and "knn_accuracy" in lines[-1]


def test_as_many_epochs_as_fit(module, tmp_path):
    script = module("train_cifar10")
    command = f"--state {tmp_path} --seconds 460 --epoch-seconds"
    for seconds, epochs in ("1", 200), ("4", 100):
        args = script.arguments([*command.split(), seconds])
        assert script.earlier(args)["epochs"] == epochs


def test_no_part_stops_the_next(module, tmp_path, monkeypatch):
    all_ = module("all")
    scripts = {
        "fails.py": "print('why'); raise SystemExit(3)",
        "hangs.py": 'import time; print(\'{"what": "1"}\'); time.sleep(60)',
        "slow.py": 'print(\'{"what": "2", "epoch_seconds": 9.5}\')',
        "next.py": "raise SystemExit('not reached')",
        "last.py": 'print(\'{"what": "3"}\')',
    }
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(all_, "HERE", tmp_path)
    limits = {"hangs.py": 2}
    parts = [
        all_.Part(name, "torch" if name == "last.py" else "jax", limit)
        for name, limit in ((n, limits.get(n, 50)) for n in scripts)
    ]
    results = all_.Results(tmp_path / "output")
    all_.measure(parts, results, time.perf_counter() + 100)
    results.write_table("command")
    lines = results.path.read_text().splitlines()
    found = [
        (line["part"], line.get("failed", line["what"]))
        for line in map(json.loads, lines)
    ]
    assert found == [
        ("fails.py", "exit 3"),
        ("hangs.py", "1"),
        ("hangs.py", "over 2 s"),
        ("slow.py", "2"),
        ("slow.py", "all of it"),
        ("next.py", "left out"),  # JAX is too slow to go on
        ("last.py", "3"),
        ("last.py", "all of it"),
    ]
    assert "why" in (tmp_path / "output" / "log.txt").read_text()
    assert (
        "| slow.py | jax | 2 | epoch seconds 9.5 |"
        in (tmp_path / "output" / "gpu.md").read_text()
    )
    # What was cut off while it was written is no result.
    results.path.write_text("\n".join(lines)[:-5])
    assert len(all_.Results(tmp_path / "output").lines) == len(lines) - 1


PROGRAM = """
%fused (param_0.1: f32[8,4], param_1.1: s32[]) -> f32[2,4] {
  %param_0.1 = f32[8,4]{1,0} parameter(0)
  %param_1.1 = s32[] parameter(1)
  ROOT %slice = f32[2,4]{1,0} dynamic-slice(%param_0.1, %param_1.1), x={2,4}
}

%body (arg: (s32[], f32[8,4])) -> (s32[], f32[8,4]) {
  %arg = (s32[], f32[8,4]{1,0}) parameter(0)
  %i = s32[] get-tuple-element(%arg), index=0
  %x = f32[8,4]{1,0} get-tuple-element(%arg), index=1
  %part = f32[2,4]{1,0} fusion(%x, %i), kind=kLoop, calls=%fused
  ROOT %out = (s32[], f32[8,4]{1,0}) tuple(%i, %x)
}

%first (param_0.2: bf16[4,4]) -> f32[1,4] {
  %param_0.2 = bf16[4,4]{1,0} parameter(0)
  %float = f32[4,4]{1,0} convert(%param_0.2)
  ROOT %row = f32[1,4]{1,0} slice(%float), slice={[0:1], [0:4]}
}

%whole (param_0.3: bf16[4,4]) -> f32[4,4] {
  %param_0.3 = bf16[4,4]{1,0} parameter(0)
  ROOT %floats = f32[4,4]{1,0} convert(%param_0.3)
}

ENTRY %main (a: bf16[4,4]) -> bf16[4,4] {
  %a = bf16[4,4]{1,0} parameter(0)
  %c = (bf16[4,4]{1,0}, u8[0]{0}) custom-call(%a, %a), \
custom_call_target="__cudnn$convForward"
  %w = (s32[], f32[8,4]{1,0}) while(%t), condition=%cond, body=%body, \
backend_config={"known_trip_count":{"n":"3"}}
  %f = f32[4,4]{1,0} fusion(%a), kind=kLoop, calls=%whole
  %r = f32[1,4]{1,0} fusion(%a), kind=kLoop, calls=%first
  ROOT %b = bf16[4,4]{1,0} negate(%a)
}
"""


def test_traffic_of_a_program(module):
    executable = module("executable").Executable(PROGRAM)
    # A convolution, three slices of 2 x 4 with their index, a matrix and a row
    # of 4 that become float32, a negation.
    sliced, floats = 3 * (32 + 4 + 32), (32 + 64) + (8 + 16)
    assert executable.traffic() == (7, 3 * 32 + sliced + floats + 2 * 32)
    assert executable.convolutions() == {"bf16": 1}
