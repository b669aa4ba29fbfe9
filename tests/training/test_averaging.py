"""The mean of the weights at the ends of the last epochs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from polyhead.training.averaging import LastEpochs


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)
        self.norm = nn.BatchNorm1d(3)  # which counts its batches, in whole numbers


def weights_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def fill(model: nn.Module, value: float) -> nn.Module:
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.fill_(value)
    return model


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first.keys() | second.keys())


def test_the_mean_is_that_of_the_last_so_many() -> None:
    model, last = Small(), LastEpochs(3)
    for epoch, value in enumerate((100.0, 1.0, 2.0, 6.0)):
        last.add(epoch, fill(model, value))
    assert len(last) == 3
    with last.mean_in(model):
        assert set(model.linear.weight.flatten().tolist()) == {3.0}
        assert set(model.norm.running_mean.tolist()) == {3.0}


def test_fewer_are_averaged_as_they_are() -> None:
    model, last = Small(), LastEpochs(5)
    last.add(1, fill(model, 1.0))
    last.add(2, fill(model, 9.0))
    last.add(2, fill(model, 2.0))
    assert len(last) == 2
    with last.mean_in(model):
        assert model.linear.bias[0].item() == 1.5


def test_whole_numbers_are_those_of_the_last_epoch() -> None:
    model, last = Small(), LastEpochs(2)
    for epoch, value in enumerate((3.0, 8.0)):
        last.add(epoch, fill(model, value))
    with last.mean_in(model):
        assert model.norm.num_batches_tracked.dtype == torch.int64
        assert int(model.norm.num_batches_tracked) == 8


def test_the_model_gets_its_own_weights_back() -> None:
    model, last = Small(), LastEpochs(2)
    own = weights_of(model)
    last.add(1, fill(Small(), 1.0))
    last.add(2, model)
    with last.mean_in(model):
        assert not equal(weights_of(model), own)
    assert equal(weights_of(model), own)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_model_gets_its_own_weights_back_when_something_fails(error: type[BaseException]) -> None:
    model, last = Small(), LastEpochs(2)
    own = weights_of(model)
    last.add(1, fill(Small(), 1.0))
    last.add(2, model)
    with pytest.raises(error), last.mean_in(model):
        raise error
    assert equal(weights_of(model), own)


def test_what_is_kept_does_not_change_with_the_model() -> None:
    model, last = Small(), LastEpochs(2)
    last.add(1, fill(model, 1.0))
    last.add(2, fill(model, 3.0))
    fill(model, 50.0)
    with last.mean_in(model):
        fill(model, 70.0)
    with last.mean_in(model):
        assert model.linear.bias[0].item() == 2.0
    assert model.linear.bias[0].item() == 50.0


def test_the_weights_stay_the_same_objects_for_the_optimiser() -> None:
    model, last = Small(), LastEpochs(2)
    before = [id(weight) for weight in model.parameters()]
    last.add(1, model)
    last.add(2, model)
    with last.mean_in(model):
        pass
    assert [id(weight) for weight in model.parameters()] == before


def test_without_averaging_nothing_is_held_in_memory() -> None:
    last = LastEpochs(1)
    last.add(1, Small())
    assert len(last) == 0
