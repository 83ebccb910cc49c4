"""--cfg-options: each has an effect, or is refused by name."""

import pytest
from mmengine.config import Config

from mmdenoise.cli.overrides import override
from mmdenoise.shipped_configs import find_config


@pytest.fixture
def cfg():
    return Config(
        dict(
            data_root="data",
            mine=dict(deep=1),
            noise=dict(sigma=60),
            model=dict(noise=dict(sigma=60)),
            train_dataloader=dict(
                dataset=dict(
                    type="ConcatDataset",
                    datasets=[dict(data_root="data"), dict(data_root="data")],
                )
            ),
        )
    )


@pytest.mark.parametrize(
    "key",
    [
        "model.noise.sigma",
        "model.new.key",
        "randomness.seed",
        "load_from",
        "mine.deep",
        "train_dataloader.batch_size",
        "train_dataloader.dataset.datasets.1.data_root",
        "tta_model.type",
    ],
)
def test_settings_that_are_read(cfg, key):
    override(cfg, {key: 7})
    value = cfg
    for part in key.split("."):
        value = value[int(part) if part.isdigit() else part]
    assert value == 7


@pytest.mark.parametrize(
    "key, words",
    [
        ("modle.noise.sigma", "nothing reads 'modle'; did you mean model?"),
        ("zzzzz", "--cfg-options zzzzz: nothing reads 'zzzzz'"),
        ("noise.sigma", ": set model.noise"),
        ("data_root", ": set train_dataloader.dataset.datasets.0.data_root"),
        (
            "train_dataloader.dataset.data_root",
            "ConcatDataset joins 2 sets: set train_dataloader.dataset.datasets.0."
            "data_root, train_dataloader.dataset.datasets.1.data_root",
        ),
        ("train_dataloader.dataset.datasets.5.data_root", "no place for it"),
        ("model.noise.sigma.low", "no place for it"),
    ],
)
def test_settings_that_are_none(cfg, key, words):
    with pytest.raises(ValueError) as error:
        override(cfg, {key: "x"})
    assert words in str(error.value)


@pytest.mark.parametrize("key", ["data_root", "train_dataloader.dataset.data_root"])
def test_another_folder_for_the_shipped_augmented_set(key):
    with pytest.raises(ValueError, match=r"dataset\.datasets\.0\.data_root"):
        override(Config.fromfile(find_config("cascade_deeplab_sigma60")), {key: "x"})
