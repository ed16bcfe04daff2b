import threading

import pytest

from keras_contrastive.datasets.read_ahead import ReadAhead


def test_what_follows_is_computed_before_it_is_asked_for():
    done = {key: threading.Event() for key in range(4)}

    def load(key):
        done[key].set()
        return 10 * key

    read_ahead = ReadAhead(load)
    assert read_ahead.get(0, [1, 2]) == 0
    assert done[1].wait(10) and done[2].wait(10) and not done[3].is_set()
    assert [read_ahead.get(key, []) for key in (1, 3)] == [10, 30]


def test_nothing_is_computed_twice_or_for_nothing():
    calls = []
    may_go_on = threading.Event()

    def load(key):
        calls.append(key)
        if key in (1, 2):  # keep both threads busy
            may_go_on.wait(10)
        return key

    read_ahead = ReadAhead(load)
    assert read_ahead.get(0, [1, 2, 3, 4]) == 0
    # 3 and 4 haven't begun when something else is asked for.
    timer = threading.Timer(0.2, may_go_on.set)
    timer.start()
    assert read_ahead.get(2, [1, 5]) == 2
    assert read_ahead.get(1, [5]) == 1
    assert read_ahead.get(5, []) == 5
    assert sorted(calls) == [0, 1, 2, 5]


def test_errors_reach_who_asks():
    def load(key):
        if key == 1:
            raise ValueError("broken")
        return key

    read_ahead = ReadAhead(load)
    assert read_ahead.get(0, [1]) == 0
    with pytest.raises(ValueError, match="broken"):
        read_ahead.get(1, [2])
    assert read_ahead.get(2, []) == 2
