"""Names of draws: without end, one a sample, and where a resumed training begins."""

import itertools

import pytest
import torch

from mmdenoise.datasets import draws
from mmdenoise.datasets.draws import Draw, DrawSampler
from mmdenoise.registry import DATA_SAMPLERS


def take(sampler, count):
    return list(itertools.islice(sampler, count))


def test_each_sample_has_a_name():
    sampler = DATA_SAMPLERS.build(
        dict(type="mmdenoise.DrawSampler", dataset=[1, 2, 3], seed=7)
    )
    assert len(sampler) == 3
    assert take(sampler, 5) == [Draw(7, 0, number) for number in range(5)]


def test_ranks_have_names_of_their_own(monkeypatch):
    monkeypatch.setattr(draws, "get_rank", lambda: 3)
    assert take(DrawSampler([1], seed=0), 2) == [Draw(0, 3, 0), Draw(0, 3, 1)]


def test_without_a_seed_the_ranks_agree_on_one(monkeypatch):
    monkeypatch.setattr(draws, "sync_random_seed", lambda: 11)
    assert DrawSampler([1]).seed == 11


def test_skipping_and_a_restored_seed():
    sampler = DrawSampler([1], seed=0)
    sampler.skip(640)
    sampler.seed = 5  # as RandomStateHook does, before the first batch
    assert take(sampler, 2) == [Draw(5, 0, 640), Draw(5, 0, 641)]
    sampler.skip(0)
    assert take(sampler, 1) == [Draw(5, 0, 0)]
    with pytest.raises(ValueError, match="num_samples must not be negative, got -1"):
        sampler.skip(-1)


def test_generators_repeat_by_name_and_differ_between_names():
    names = [Draw(0, 0, 0), Draw(1, 0, 0), Draw(0, 1, 0), Draw(0, 0, 1)]
    values = [torch.rand(4, generator=name.generator("cpu")) for name in names]
    for name, value in zip(names, values):
        assert torch.equal(torch.rand(4, generator=name.generator("cpu")), value)
    assert len({tuple(value.tolist()) for value in values}) == 4
