"""An inspection that hangs or dies on some files, as a decoder with a fault would."""

import os
import signal
import time

from fauxto.imaging import inspect


def inspect_file(path, limits, squares):
    if path.name == "hang.jpg":
        time.sleep(600)
    if path.name == "die.jpg":
        os.kill(os.getpid(), signal.SIGKILL)
    return inspect.inspect_file(path, limits, squares)
