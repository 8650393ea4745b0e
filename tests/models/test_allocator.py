import subprocess
import sys

import pytest

CHURN = """
import resource, sys
import torch
from fauxto.models.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
torch.set_num_threads(1)
for _ in range(50):  # what alignment leaves between the first tensors fills up
    torch.ones(2_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    torch.ones(2_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode):
    done = subprocess.run(
        [sys.executable, "-c", CHURN, mode], capture_output=True, check=True, text=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc's allocator is told anything")
def test_a_tensor_takes_the_memory_that_the_one_before_left():
    assert page_faults("keep") < 200
