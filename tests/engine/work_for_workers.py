"""Functions that worker processes import by name."""

import os
import signal
import time


def square(row):
    return row * row


def slow_first(row):
    time.sleep(0.3 if row == 0 else 0)
    return row


def hang_on_threes(row):
    if row % 10 == 3:
        time.sleep(600)
    return row


def hang_deaf(row):
    if row == 1:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            pass
    return row


def die_on_threes(row):
    if row % 10 == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return row


def exit_on_two(row):
    if row == 2:
        os._exit(5)
    return row


def use_memory(row):
    return len(bytearray(row))


def raise_on_two(row):
    if row == 2:
        raise ValueError("two is bad")
    return row


class AwkwardError(Exception):
    def __init__(self, one, two):
        super().__init__(one)


def raise_awkwardly(row):
    raise AwkwardError(row, row)


def process_id(row):
    time.sleep(0.02)
    return os.getpid()


def warn(row):
    import warnings

    warnings.warn("noise", stacklevel=1)
    return row
