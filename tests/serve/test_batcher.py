import asyncio
import threading

import numpy as np
import pytest

from fauxto.serve.batcher import Batcher


class Network:
    card = None
    name = "counting"

    def __init__(self, *, cam=False):
        self.batches = []
        self.mapped = []
        self.has_cam = cam
        self.gate = threading.Event()
        self.gate.set()

    def logits(self, inputs):
        self.gate.wait(5)
        if np.isnan(inputs).any():
            raise ValueError("not a number")
        self.batches.append(len(inputs))
        return np.stack([inputs[:, 0, 0, 0], inputs[:, 1, 0, 0]], axis=1)

    def cam(self, inputs):
        self.mapped.append(len(inputs))
        return inputs[:, 0]


def inputs(value):
    array = np.zeros((3, 2, 2), np.float32)
    array[0] = value
    return array


def run(network, work, batch_size=4):
    async def main():
        batcher = Batcher(network, batch_size=batch_size)
        batcher.start()
        try:
            return await work(batcher)
        finally:
            await batcher.stop()

    return asyncio.run(main())


def test_everyone_gets_the_answer_to_their_own_picture():
    async def work(batcher):
        return await asyncio.gather(*(batcher.look(inputs(i)) for i in range(23)))

    network = Network()
    seen = run(network, work)
    assert [one.logits[0] for one in seen] == list(range(23))
    assert sum(network.batches) == 23
    assert max(network.batches) <= 4


def test_a_lone_picture_does_not_wait_and_those_that_come_meanwhile_go_together():
    network = Network()

    async def work(batcher):
        await batcher.look(inputs(0))
        network.gate.clear()
        first = asyncio.create_task(batcher.look(inputs(1)))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(batcher.look(inputs(i))) for i in range(3)]
        await asyncio.sleep(0.05)
        network.gate.set()
        await asyncio.gather(first, *others)

    run(network, work)
    assert network.batches == [1, 1, 3]


def test_a_failing_pass_is_told_to_those_in_it_and_the_next_one_works():
    network = Network()

    async def work(batcher):
        with pytest.raises(ValueError, match="not a number"):
            await batcher.look(inputs(np.nan))
        return await batcher.look(inputs(5))

    assert run(network, work).logits[0] == 5


def test_a_client_that_gave_up_costs_the_others_nothing():
    network = Network()

    async def work(batcher):
        network.gate.clear()
        first = asyncio.create_task(batcher.look(inputs(1)))
        await asyncio.sleep(0.02)
        gone = asyncio.create_task(batcher.look(inputs(np.nan)))
        stays = asyncio.create_task(batcher.look(inputs(3)))
        await asyncio.sleep(0.02)
        gone.cancel()
        first.cancel()
        await asyncio.sleep(0)
        network.gate.set()
        return await stays

    assert run(network, work).logits[0] == 3


def test_maps_are_made_only_for_those_who_ask():
    network = Network(cam=True)

    async def work(batcher):
        return await asyncio.gather(*(batcher.look(inputs(i), cam=i == 1) for i in range(3)))

    seen = run(network, work)
    assert [one.cam is None for one in seen] == [True, False, True]
    assert seen[1].cam[0, 0] == 1
    assert sum(network.mapped) == 1


def test_a_model_without_maps_gives_none():
    async def work(batcher):
        return await batcher.look(inputs(1), cam=True)

    assert run(Network(), work).cam is None
