"""Ctrl-C that waits until it does no harm."""

import signal

import pytest

from bench.interrupt import ENDINGS, HeldInterrupt, endings_as_interrupts


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


@pytest.mark.parametrize("number", ENDINGS)
def test_being_asked_to_end_is_as_ctrl_c(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), endings_as_interrupts():
        signal.raise_signal(number)
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", ENDINGS)
def test_being_asked_to_end_is_held_where_ctrl_c_is(number):
    reached = False
    with pytest.raises(KeyboardInterrupt), endings_as_interrupts(), HeldInterrupt():  # noqa: PT012  # as above
        signal.raise_signal(number)
        reached = True
    assert reached


@pytest.mark.parametrize("number", ENDINGS)
def test_what_is_ignored_stays_ignored(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with endings_as_interrupts():
            signal.raise_signal(number)
    finally:
        signal.signal(number, before)


def test_a_process_in_the_background_can_be_asked_to_end():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), endings_as_interrupts():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)
