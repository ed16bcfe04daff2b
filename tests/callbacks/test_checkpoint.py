"""What was interrupted ends as what was not."""

import json
import os
import warnings

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.callbacks.checkpoint_files import CheckpointFiles
from keras_contrastive.callbacks.training_state import get_state
from keras_contrastive.callbacks.training_state import set_state
from tests.callbacks import runs
from tests.callbacks.interruption import Interrupt
from tests.callbacks.interruption import Interrupted
from tests.callbacks.kill_training import kill_and_restart
from tests.encoders.marks import slow_on_jax
from tests.full_disk import full_disk

EPOCHS = 3
FIRST = "epoch-000000-step-000000000"
SECOND = "epoch-000001-step-000000000"


def train(run, *callbacks, seed=0, epochs=EPOCHS):
    """History and weights of a new model, seeded as a new process is."""
    keras.utils.set_random_seed(seed)
    model, data = run()
    history = model.fit(
        **data, epochs=epochs, callbacks=list(callbacks), verbose=0
    )
    return history, model


def interrupt(run, directory, *steps, every_n_steps=1):
    """Leaves what a run leaves that was interrupted after each of `steps`."""
    for count in steps:
        checkpoint = kc.callbacks.Checkpoint(directory, every_n_steps)
        with pytest.raises(Interrupted):
            train(run, checkpoint, Interrupt(count))


def assert_equal(run, expected):
    (history, model), (expected_history, expected_model) = run, expected
    assert history.epoch == expected_history.epoch
    assert history.history == expected_history.history
    for ours, theirs in zip(
        [*model.variables, *model.optimizer.variables],
        [*expected_model.variables, *expected_model.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(ours),
            keras.ops.convert_to_numpy(theirs),
            ours.path,
        )


# In the middle of an epoch, while it goes on and trains again, at the end of
# an epoch.
@pytest.mark.one_case
@pytest.mark.parametrize(
    "run, steps",
    [
        (runs.simclr_run, (2, 4, 4)),
        (runs.clip_run, (3,)),
        (runs.dual_run, (3,)),
        pytest.param(runs.accumulating_run, (5,), marks=slow_on_jax),
        pytest.param(runs.several_steps_run, (1,), marks=slow_on_jax),
        pytest.param(runs.py_dataset_run, (3,), marks=slow_on_jax),
        (runs.data_loader_run, (3,)),
        (runs.image_text_run, (6,)),
        (runs.plain_keras_run, (2, 4, 4)),
    ],
)
def test_ends_as_an_uninterrupted_run(run, steps, tmp_path):
    expected = train(run, kc.callbacks.Checkpoint(tmp_path / "whole", 1))
    interrupt(run, tmp_path / "parts", *steps)
    go_on = kc.callbacks.Checkpoint(tmp_path / "parts", 1)
    assert_equal(train(run, go_on), expected)


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path):
    _, different = kill_and_restart(tmp_path, kills=2, epochs=8)
    assert not different


def test_differs_without_the_checkpoint():
    """The random state and the step matter to what is compared here."""
    _, one = train(runs.plain_keras_run, seed=0)
    _, other = train(runs.plain_keras_run, seed=1)
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(one.get_weights(), other.get_weights(), strict=True)
    )


def test_a_finished_run_is_not_trained_again(tmp_path):
    expected = train(runs.plain_keras_run, kc.callbacks.Checkpoint(tmp_path))
    again = train(
        runs.plain_keras_run,
        kc.callbacks.Checkpoint(tmp_path),
        Interrupt(1),
        seed=1,
    )
    assert_equal(again, expected)


def test_goes_on_for_more_epochs_and_as_the_model_it_is(tmp_path):
    checkpoint = kc.callbacks.Checkpoint(tmp_path)
    history, model = train(runs.plain_keras_run, checkpoint, epochs=2)
    data = runs.plain_keras_run()[1]
    more = model.fit(**data, epochs=3, callbacks=[checkpoint], verbose=0)
    assert more.epoch == [0, 1, 2]
    assert more.history["loss"][:2] == history.history["loss"][:2]
    # Without it, `fit` starts where it always does.
    assert model.fit(**data, epochs=1, verbose=0).epoch == [0]


def test_a_stopped_run_stays_stopped(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    def run():
        checkpoint = kc.callbacks.Checkpoint(tmp_path)
        return train(runs.plain_keras_run, Stop(), checkpoint)

    first = run()
    assert first[0].epoch == [0, 1]
    assert_equal(run(), first)


def test_scores_of_later_callbacks_are_in_the_history(tmp_path):
    def run(*interrupted):
        later = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(score=epoch)
        )
        checkpoint = kc.callbacks.Checkpoint(tmp_path)
        return train(runs.plain_keras_run, checkpoint, later, *interrupted)

    with pytest.raises(Interrupted):
        run(Interrupt(6))
    assert run()[0].history["score"] == [0, 1, 2]


def test_a_normalization_computes_with_what_is_restored():
    rows = np.arange(6, dtype="float32").reshape(3, 2)
    models = []
    for scale in (1, 7):
        normalize = keras.layers.Normalization()
        normalize.adapt(scale * rows)
        models.append(
            keras.Sequential(
                [keras.Input((2,)), normalize, keras.layers.Dense(2)]
            )
        )
        models[-1].compile("sgd", "mse")
    set_state(models[1], get_state(models[0]))
    np.testing.assert_allclose(
        *(keras.ops.convert_to_numpy(model(rows)) for model in models)
    )


def damage(path, kind):
    content = bytearray(path.read_bytes())
    if kind == "truncated":
        content = content[: len(content) // 2]
    elif kind == "empty":
        content = b""
    else:
        content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.one_backend
@pytest.mark.parametrize("kind", ["truncated", "empty", "one bit"])
def test_falls_back_to_the_checkpoint_before(kind, tmp_path):
    expected = train(
        runs.plain_keras_run, kc.callbacks.Checkpoint(tmp_path / "whole")
    )
    interrupt(runs.plain_keras_run, tmp_path / "parts", 6)
    before, newest = sorted((tmp_path / "parts").glob("*.npz"))
    damage(newest, kind)
    checkpoint = kc.callbacks.Checkpoint(tmp_path / "parts", 1)
    with pytest.warns(UserWarning, match=f"{newest.name}.*is damaged"):
        assert_equal(train(runs.plain_keras_run, checkpoint), expected)
    left = sorted((tmp_path / "parts").iterdir())
    assert len(left) == 2
    assert newest not in left


def test_all_damaged_is_an_error(tmp_path):
    interrupt(runs.plain_keras_run, tmp_path, 6)
    for path in tmp_path.glob("*.npz"):
        damage(path, "truncated")
    with (
        pytest.warns(UserWarning),
        pytest.raises(ValueError, match="start again"),
    ):
        train(runs.plain_keras_run, kc.callbacks.Checkpoint(tmp_path))


def test_every_flipped_bit_is_found_or_harmless(tmp_path, rng):
    files = CheckpointFiles(tmp_path)
    arrays = {"a": rng.normal(size=(9, 9)), "b": np.arange(7, dtype="uint8")}
    files.write(FIRST, arrays)
    path = tmp_path / f"{FIRST}.npz"
    content = path.read_bytes()
    found = 0
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read = files.read()
        except ValueError:
            found += 1
        else:
            assert read.keys() == arrays.keys()
            for name, array in arrays.items():
                np.testing.assert_array_equal(read[name], array)
    assert found > 0.5 * len(content)


def test_killed_while_it_writes(tmp_path, monkeypatch):
    files = CheckpointFiles(tmp_path)
    files.prepare()
    files.write(FIRST, {"a": np.zeros(2)})

    def killed(*args):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", killed)
        with pytest.raises(SystemExit):
            files.write(SECOND, {"a": np.ones(2)})
    assert len(list(tmp_path.iterdir())) == 2
    again = CheckpointFiles(tmp_path)
    again.prepare()
    assert list(tmp_path.iterdir()) == [tmp_path / f"{FIRST}.npz"]
    np.testing.assert_array_equal(again.read()["a"], np.zeros(2))


@pytest.mark.one_backend
def test_a_full_disk_costs_the_checkpoint_only(tmp_path):
    expected = train(runs.plain_keras_run)
    interrupt(runs.plain_keras_run, tmp_path, 6)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    checkpoint = kc.callbacks.Checkpoint(tmp_path, 1)
    with (
        full_disk(1000),
        pytest.warns(UserWarning, match="epoch 2, step 1 could not be written"),
    ):
        assert_equal(train(runs.plain_keras_run, checkpoint), expected)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    # And when there is room again, it goes on from there.
    assert_equal(
        train(runs.plain_keras_run, kc.callbacks.Checkpoint(tmp_path)), expected
    )


@pytest.mark.one_backend
@pytest.mark.parametrize("name", [f"{FIRST}.npz", f"{SECOND}.npz"])
def test_files_of_others_stay(name, tmp_path):
    """Also those that have the name of a checkpoint, which is then missing."""
    np.savez(tmp_path / name, variable_0=np.ones(3))
    np.savez(tmp_path / "epoch-5.npz", embeddings=np.ones(3))
    (tmp_path / f"copy of {FIRST}.npz").write_bytes(b"text")
    (tmp_path / "epoch-000009-step-000000000.npz").write_bytes(b"text")
    (tmp_path / ".notes.tmp").write_text("text")
    (tmp_path / f".{FIRST}.tmp").write_text("text")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.warns(UserWarning) as caught:
        run = train(
            runs.plain_keras_run,
            kc.callbacks.Checkpoint(tmp_path, resume=False),
            epochs=2,
        )
    messages = [str(warning.message) for warning in caught]
    assert any("neither read nor changed" in message for message in messages)
    assert any("did not write this" in message for message in messages)
    assert not any("elete" in message for message in messages)
    with pytest.warns(UserWarning, match="neither read nor changed"):
        again = train(runs.plain_keras_run, kc.callbacks.Checkpoint(tmp_path))
    expected = train(runs.plain_keras_run)
    assert run[0].epoch == [0, 1]
    assert_equal(again, expected)
    assert (
        before.items()
        <= {path: path.read_bytes() for path in tmp_path.iterdir()}.items()
    )


def change_progress(arrays, change):
    progress = json.loads(arrays["progress"].tobytes())
    change(progress)
    arrays["progress"] = np.frombuffer(json.dumps(progress).encode(), "uint8")


def test_another_number_of_processes_is_warned_of(tmp_path):
    interrupt(runs.plain_keras_run, tmp_path, 6)
    for path in tmp_path.iterdir():
        with np.load(path) as file:
            arrays = dict(file)
        change_progress(arrays, lambda p: p.update(replicas=[2, 2]))
        np.savez(path, **arrays)
    go_on = kc.callbacks.Checkpoint(tmp_path)
    with pytest.warns(UserWarning, match="of 2 processes with 2 replicas"):
        history, _ = train(runs.plain_keras_run, go_on)
    assert history.epoch == list(range(EPOCHS))


def test_goes_on_from_a_file_of_an_earlier_version(tmp_path):
    """Which has no marker."""
    expected = train(runs.plain_keras_run)
    interrupt(runs.plain_keras_run, tmp_path, 6)
    for path in tmp_path.iterdir():
        with np.load(path) as file:
            arrays = dict(file)
        del arrays["keras_contrastive_checkpoint"]
        change_progress(arrays, lambda progress: progress.pop("replicas"))
        np.savez(path, **arrays)
    go_on = kc.callbacks.Checkpoint(tmp_path)
    assert_equal(train(runs.plain_keras_run, go_on, Interrupt(99)), expected)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"epoch-00000{i}-step-000000000.npz" for i in (2, 3)]


def test_a_directory_that_cannot_be_written_to_is_an_error_before(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    checkpoint = kc.callbacks.Checkpoint(tmp_path / "file" / "checkpoints")
    with pytest.raises(OSError, match="`directory` must be one that can be"):
        train(runs.plain_keras_run, checkpoint, Interrupt(1))


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="everything can be written to by root",
)
def test_a_read_only_directory_is_an_error_before(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="`directory` must be one that"):
        train(runs.plain_keras_run, kc.callbacks.Checkpoint(tmp_path))


def test_a_new_run_does_not_take_the_place_of_another(tmp_path):
    fresh = kc.callbacks.Checkpoint(tmp_path, resume=False)
    train(runs.plain_keras_run, fresh, epochs=1)
    with pytest.raises(ValueError, match="must hold no checkpoints if"):
        train(runs.plain_keras_run, fresh)


def test_a_checkpoint_of_another_model_is_an_error(tmp_path):
    train(runs.plain_keras_run, kc.callbacks.Checkpoint(tmp_path), epochs=1)

    def wider():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        model.compile("adam", "mse")
        return model, {"x": np.zeros((8, 4)), "y": np.zeros((8, 2))}

    with pytest.raises(ValueError, match="must be those that the checkpoint"):
        train(wider, kc.callbacks.Checkpoint(tmp_path))


def test_every_n_steps_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="`every_n_steps` must be"):
        kc.callbacks.Checkpoint(tmp_path, every_n_steps=0)


def test_an_unbuilt_model_is_an_error(tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Keras builds the model before training.")
    model = keras.Sequential([keras.layers.Dense(2)])
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="must be built before `fit`"):
        model.fit(
            np.zeros((8, 4)),
            np.zeros((8, 2)),
            callbacks=[kc.callbacks.Checkpoint(tmp_path)],
        )


def test_no_epochs(tmp_path):
    checkpoint = kc.callbacks.Checkpoint(tmp_path)
    assert train(runs.plain_keras_run, checkpoint, epochs=0)[0].epoch == []
    assert not list(tmp_path.iterdir())
