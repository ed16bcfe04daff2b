"""A few of the random trainings; more by `python -m tests.fuzz.trainings`."""

import pytest

from tests.fuzz.trainings import case_of
from tests.fuzz.trainings import check


@pytest.mark.parametrize("number", [1])
def test_random_training(number):
    check(case_of(number))


@pytest.mark.one_backend
@pytest.mark.parametrize("number", [0, *range(2, 8)])
def test_random_training_on_one_backend(number):
    check(case_of(number))
