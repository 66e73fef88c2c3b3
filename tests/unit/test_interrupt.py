"""Ctrl-C that waits until it does no harm."""

import signal

import pytest

from bench.interrupt import HeldInterrupt


def test_the_first_is_noted_and_raised_at_the_end():
    reached = False
    with pytest.raises(KeyboardInterrupt), HeldInterrupt() as interrupt:  # noqa: PT012  # the block is what is tested
        signal.raise_signal(signal.SIGINT)
        assert interrupt.noted
        reached = True
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_is_raised_at_once():
    with pytest.raises(KeyboardInterrupt), HeldInterrupt():  # noqa: PT012  # the block is what is tested
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("this line is not reached")


def test_an_error_gives_way_to_it_and_is_its_cause():
    with pytest.raises(KeyboardInterrupt) as raised, HeldInterrupt():  # noqa: PT012  # the block is what is tested
        signal.raise_signal(signal.SIGINT)
        raise OSError("the disk is full")
    assert isinstance(raised.value.__cause__, OSError)


def test_without_ctrl_c_nothing_happens():
    with HeldInterrupt() as interrupt:
        pass
    assert not interrupt.noted
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
