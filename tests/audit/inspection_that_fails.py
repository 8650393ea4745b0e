"""An inspection that hangs or dies on some files, as a decoder with a fault would."""

import os
import signal
import time

from fauxto.audit.inspect_row import InspectRow


class FailingRow(InspectRow):
    def __call__(self, image):
        if image.path.endswith("hang.jpg"):
            time.sleep(600)
        if image.path.endswith("die.jpg"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(image)
