import numpy as np
import pytest

from keras_contrastive import validation

pytestmark = pytest.mark.one_backend
NAN, INFINITY = float("nan"), float("inf")
NO_NUMBERS = [None, "1", NAN, [1.0], {}]
CHECKS = {
    "check_positive_int": ([1, 3, np.int64(2)], [0, -1, 2.0, True]),
    "check_positive": ([0.1, 2, np.float32(3)], [0, -1, float("inf")]),
    "check_not_negative": ([0, 0.5], [-0.1, float("inf")]),
    "check_cosine": ([-1, 0, 0.5, 1], [-1.1, 1.1]),
    "check_probability": ([0, 0.5, 1], [-0.1, 1.1]),
    "check_rate": ([0, 0.9, np.float64(0.5)], [1, 2, -0.1]),
}


@pytest.mark.parametrize("check", CHECKS)
def test_numbers(check):
    good, bad = CHECKS[check]
    check = getattr(validation, check)
    for value in good:
        checked = check("rate", value)
        assert checked == value
        assert type(checked) in (int, float)
    for value in bad + NO_NUMBERS:
        with pytest.raises(ValueError, match="`rate` must be .*Received: rate"):
            check("rate", value)


def test_integers_name_the_least():
    assert validation.check_int("size", 8, 8) == 8
    for minimum, expected in [
        (0, "an integer of 0 or more"),
        (1, "a positive integer"),
        (8, "an integer of at least 8"),
    ]:
        with pytest.raises(ValueError, match=f"`size` must be {expected}. Rec"):
            validation.check_int("size", minimum - 1, minimum)


def test_intervals():
    assert validation.check_interval("scale", [0.1, 1], 0, 1) == (0.1, 1.0)
    for bad in [(0.5, 0.1), (-1, 0.5), (0.5, 2), 0.5, "01", (0.1,), (NAN, 1)]:
        with pytest.raises(ValueError, match="`scale` must be a pair"):
            validation.check_interval("scale", bad, 0, 1)
    for bad in [(0, INFINITY), (-INFINITY, 0), (INFINITY, INFINITY)]:
        with pytest.raises(ValueError, match="`ratio` .* of finite numbers"):
            validation.check_interval("ratio", bad, -INFINITY)


def test_patterns():
    validation.check_pattern("layers", "a$|b")
    for bad in ["(", 3, None, b"a", ["a"]]:
        with pytest.raises(ValueError, match="`layers` must be a regular"):
            validation.check_pattern("layers", bad)
