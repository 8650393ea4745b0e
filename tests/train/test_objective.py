import numpy as np
import pytest
import torch
from torch import nn

from fauxto.data.stored import StoredImage
from fauxto.loading.epochs import LabelledBatch
from fauxto.train.objective import FromTeachers

PIXELS = torch.arange(4 * 3 * 2 * 2, dtype=torch.float32).reshape(4, 3, 2, 2)


def linear(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 2))


def batch_of(inputs):
    labels = np.array([0, 1, 0, 1])
    return LabelledBatch(inputs.numpy(), labels, (StoredImage("a.png", "a.png"),) * 4, labels)


def loss_of(objective, student, inputs):
    batch = batch_of(inputs)
    return objective.loss(student(inputs), inputs, torch.from_numpy(batch.labels), batch)


def test_the_loss_is_the_mean_divergence_from_the_teachers_mean_logits():
    inputs, student, teachers = PIXELS / 48, linear(0), [linear(1), linear(2)]
    with torch.no_grad():
        p = torch.softmax((teachers[0](inputs) + teachers[1](inputs)) / 2, dim=1).double().numpy()
        q = torch.softmax(student(inputs), dim=1).double().numpy()
    expected = (p * np.log(p / q)).sum() / 4
    assert loss_of(FromTeachers(teachers, 0.0), student, inputs).item() == pytest.approx(
        expected, rel=1e-3
    )


def test_a_student_that_says_the_same_has_no_loss_and_no_gradient():
    student = linear(1)
    loss = loss_of(FromTeachers([linear(1)], 0.0), student, PIXELS / 48)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-7)
    assert student[1].weight.grad.abs().max().item() == pytest.approx(0, abs=1e-6)


def test_teachers_do_not_learn_and_are_in_evaluation_mode():
    teacher = nn.Sequential(linear(1), nn.Dropout(0.5)).train()
    loss_of(FromTeachers([teacher], 0.0), linear(0), PIXELS / 48).backward()
    assert not teacher.training
    assert all(weight.grad is None for weight in teacher.parameters())


def test_blends_are_mostly_the_picture_itself_and_else_another_of_the_batch():
    torch.manual_seed(0)
    objective = FromTeachers([linear(1)], 1.0)
    shares = []
    for _ in range(50):
        blended = objective.prepare(PIXELS)
        # Rows differ by a constant, so a blend is the row moved by (1 - share) of a distance.
        moved = (blended - PIXELS)[:, 0, 0, 0] / 12
        assert torch.allclose(moved.sum(), torch.tensor(0.0), atol=1e-5)
        steps = moved[moved.abs() > 1e-4].abs()
        assert (steps <= 0.5 * 3 + 1e-5).all()
        shares.extend(steps.tolist())
    assert max(shares) > 0.7  # a blend with a far row in nearly equal parts occurs


def test_without_mixup_the_batch_stays():
    assert FromTeachers([linear(1)], 0.0).prepare(PIXELS) is PIXELS
