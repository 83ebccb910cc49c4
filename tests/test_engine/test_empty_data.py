"""Data sets without an image, the hosts' and others."""

import itertools
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from mmdenoise.engine.empty_data_hook import EmptyDataHook, explain_empty_data


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, inputs, mode="tensor", **_):
        out = self.layer(torch.stack(inputs))
        return dict(loss=out.square().mean()) if mode == "loss" else [out]


class Score:
    prefix = None
    dataset_meta = None

    def process(self, data_batch, data_samples):
        pass

    def evaluate(self, size):
        return dict(score=1.0)


class Listed(BaseDataset):
    """A list that is kept as it is."""

    def __init__(self, size):
        self.size = size
        super().__init__(ann_file="images.txt", serialize_data=False)

    def load_data_list(self):
        return [dict(inputs=torch.ones(1))] * self.size


class Stream(IterableDataset):
    def __iter__(self):
        return iter([dict(inputs=torch.ones(1))] * 4)


@pytest.fixture
def runner(tmp_path):
    number = itertools.count()

    def loader(dataset, sampler):
        return dict(
            dataset=dataset, batch_size=2, num_workers=0, sampler=dict(type=sampler)
        )

    def build(train=None, val=None, test=None):
        more = {}
        if train is not None:
            more.update(
                train_dataloader=loader(train, "InfiniteSampler"),
                train_cfg=dict(type="IterBasedTrainLoop", max_iters=2),
                optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
            )
        for part, data in (("val", val), ("test", test)):
            if data is not None:
                more[f"{part}_dataloader"] = loader(data, "DefaultSampler")
                more.update({f"{part}_cfg": {}, f"{part}_evaluator": [Score()]})
        return Runner(
            model=Model(),
            work_dir=str(tmp_path),
            default_hooks=dict(empty_data=dict(type="mmdenoise.EmptyDataHook")),
            log_processor=dict(by_epoch=False),
            log_level="ERROR",
            experiment_name=f"{tmp_path.name}_{next(number)}",
            **more,
        )

    return build


def test_data_sets_with_images_pass(runner):
    runner(Listed(3), Listed(1)).train()
    runner(test=Listed(1)).test()


def test_a_stream_does_not_say_how_long_it_is():
    EmptyDataHook().before_test(SimpleNamespace(test_dataloader=DataLoader(Stream())))


@pytest.mark.parametrize(
    "empty, said",
    [
        (Listed(0), "Listed: the data list 'images.txt' names no image"),
        ([], "list holds no image"),
    ],
)
def test_an_empty_one_is_refused_before_the_first_batch(runner, empty, said):
    """With the sampler of the shipped configs, the first batch never came."""
    for name, parts in (
        ("train", dict(train=empty)),
        ("train", dict(train=Listed(3), val=empty)),
        ("val", dict(val=empty)),
        ("test", dict(test=empty)),
    ):
        run = runner(**parts)
        with pytest.raises(ValueError) as error:
            getattr(run, name)()
        assert str(error.value) == said
        assert run.iter == 0, "nor is validation's found out after hours"


@pytest.fixture
def failure(tmp_path):
    """What building a host's data set raises."""

    def build(scope, **config):
        pytest.importorskip(scope)
        init_default_scope(scope)
        with pytest.raises(Exception) as error:
            DATASETS.build(dict(config))
        return error.value

    return build


def test_a_hosts_empty_list_is_named(failure, tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("")
    error = failure(
        "mmseg",
        type="BaseSegDataset",
        data_root=str(tmp_path),
        ann_file="train.txt",
        data_prefix=dict(img_path="", seg_map_path=""),
    )
    assert "at least one array" in str(error)
    said = f"BaseSegDataset: the data list {str(path)!r} names no image"
    assert explain_empty_data(error) == said
    error = failure(
        "mmpretrain",
        type="ImageNet",
        data_root=str(tmp_path),
        ann_file="train.txt",
        split="",
    )
    assert explain_empty_data(error) == said.replace("BaseSegDataset", "ImageNet")


def test_a_hosts_empty_folder_is_named(failure, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_text("another suffix")
    error = failure(
        "mmseg",
        type="BaseSegDataset",
        data_root=str(tmp_path),
        data_prefix=dict(img_path="images"),
    )
    folder = str(tmp_path / "images")
    assert (
        explain_empty_data(error)
        == f"BaseSegDataset: there is no image named *.jpg in {folder!r}"
    )


def test_other_errors_are_not_explained(failure, tmp_path):
    error = failure("mmseg", type="BaseSegDataset", ann_file=str(tmp_path / "gone.txt"))
    assert explain_empty_data(error) is None
    assert explain_empty_data(ValueError("need at least one array")) is None

    class Unpicklable(BaseDataset):
        def load_data_list(self):
            return [dict(path=lambda: None)]

    with pytest.raises(Exception) as caught:
        Unpicklable()
    assert explain_empty_data(caught.value) is None


def test_one_of_several_is_named(failure, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("")
    parts = [
        dict(
            type="BaseSegDataset",
            data_root=str(tmp_path),
            ann_file=name,
            data_prefix=dict(img_path=""),
            pipeline=[],
        )
        for name in ("a.txt", "b.txt")
    ]
    error = failure("mmseg", type="ConcatDataset", datasets=parts)
    assert repr(str(tmp_path / "b.txt")) in explain_empty_data(error)
