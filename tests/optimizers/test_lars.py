import keras
import numpy as np
import pytest

import keras_contrastive as kc


def reference_step(w, g, v, adapted, lr, momentum, decay, trust_coefficient):
    w, g = w.astype("float64"), g.astype("float64")
    if adapted:
        g = g + decay * w
        norms = np.linalg.norm(w), np.linalg.norm(g)
        trust = trust_coefficient * norms[0] / norms[1] if all(norms) else 1.0
        g = trust * g
    v = momentum * v + lr * g
    return w - v, v


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_steps_equal_the_formula(rng, decay):
    shapes = {"kernel": (3, 4), "bias": (4,), "probe_kernel": (4, 2)}
    values = {
        n: rng.normal(size=s).astype("float32") for n, s in shapes.items()
    }
    values["zeros"] = np.zeros((2, 2), "float32")
    variables = [keras.Variable(v, name=n) for n, v in values.items()]
    optimizer = kc.optimizers.LARS(
        0.5, weight_decay=decay, trust_coefficient=0.02, exclude=["^probe"]
    )
    expected = {n: (v.astype("float64"), 0.0) for n, v in values.items()}
    for _ in range(3):
        gradients = [
            rng.normal(size=v.shape).astype("float32") for v in variables
        ]
        optimizer.apply(
            [keras.ops.convert_to_tensor(g) for g in gradients], variables
        )
        for (name, (w, v)), g in zip(expected.items(), gradients, strict=True):
            adapted = name in ("kernel", "zeros")
            expected[name] = reference_step(
                w, g, v, adapted, 0.5, 0.9, decay, 0.02
            )
    for variable in variables:
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(variable),
            expected[variable.name][0],
            rtol=1e-5,
            atol=1e-6,
        )


def test_zero_gradient_stays_finite_and_momentum_moves_on():
    variable = keras.Variable(np.ones((2, 2), "float32"))
    optimizer = kc.optimizers.LARS(1.0)
    optimizer.apply([keras.ops.ones((2, 2))], [variable])
    after_one = keras.ops.convert_to_numpy(variable)
    optimizer.apply([keras.ops.zeros((2, 2))], [variable])
    step = 1 - after_one
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(variable), after_one - 0.9 * step, rtol=1e-5
    )


def test_exclude_from_weight_decay_is_respected():
    variable = keras.Variable(np.ones((2, 2), "float32"))
    optimizer = kc.optimizers.LARS(0.1, momentum=0.0, weight_decay=10.0)
    optimizer.exclude_from_weight_decay(var_list=[variable])
    optimizer.apply([keras.ops.ones((2, 2))], [variable])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), 0.9)


def test_trains_and_restores_with_a_model(tmp_path, rng):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile(
        kc.optimizers.LARS(0.3, weight_decay=1e-6, exclude=["head"]), "mse"
    )
    x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 2))
    model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert restored.optimizer.get_config() == model.optimizer.get_config()
    for a, b in zip(
        model.optimizer.variables, restored.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b)
        )
    once = {"shuffle": False, "verbose": 0}
    expected = model.fit(x, y, **once).history["loss"]
    assert restored.fit(x, y, **once).history["loss"] == expected


@pytest.mark.parametrize(
    "arguments",
    [
        {"momentum": 1.0},
        {"weight_decay": -1.0},
        {"trust_coefficient": 0},
        {"exclude": "head"},  # letters that nearly every path has
        {"exclude": ["("]},
        {"exclude": ["head", 3]},
    ],
)
def test_rejects(arguments):
    name = next(iter(arguments))
    with pytest.raises(ValueError, match=f"`{name}` must"):
        kc.optimizers.LARS(0.1, **arguments)


def test_learning_rate_rules_meet_at_4096():
    rules = [
        kc.optimizers.scaled_learning_rate(4096, rule)
        for rule in ("linear", "sqrt")
    ]
    assert rules == pytest.approx([4.8, 4.8])
    assert kc.optimizers.scaled_learning_rate(256) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="`rule` must be"):
        kc.optimizers.scaled_learning_rate(256, "cubic")
    with pytest.raises(ValueError, match="`batch_size` must be"):
        kc.optimizers.scaled_learning_rate(0)


@pytest.mark.parametrize("warmup", [0, 10])
def test_warmup_cosine(warmup):
    schedule = kc.optimizers.warmup_cosine(2.0, 110, warmup_steps=warmup)
    for step in (0, 5, 10, 60, 109, 110):
        if step < warmup:
            expected = 2.0 * step / warmup
        else:
            progress = (step - warmup) / (110 - warmup)
            expected = 1.0 + np.cos(np.pi * progress)
        assert float(schedule(step)) == pytest.approx(expected, abs=1e-5)


def test_warmup_must_end_before_the_run():
    with pytest.raises(ValueError, match="`warmup_steps` must"):
        kc.optimizers.warmup_cosine(1.0, 100, warmup_steps=100)
    for name, wrong in (
        ("peak", "x"),
        ("peak", -1.0),
        ("total_steps", None),
        ("total_steps", float("nan")),
        ("warmup_steps", "x"),
        ("warmup_steps", -1),
    ):
        arguments = {"peak": 1.0, "total_steps": 100, name: wrong}
        with pytest.raises(ValueError, match=f"`{name}` must"):
            kc.optimizers.warmup_cosine(**arguments)
