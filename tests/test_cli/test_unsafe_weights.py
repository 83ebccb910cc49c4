"""Files of weights that are programs: no command runs them."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

# On older versions of PyTorch one without the other is refused.
RESUME = ["--resume", "--trust-checkpoint"]


@pytest.fixture
def trap(tiny, tmp_path):
    """Files of weights that fit, and make a folder when they are unpickled."""
    mark = tmp_path / "sprung"

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    def save(path, name, **more):
        content = torch.load(getattr(tiny, name), weights_only=True)
        content = content if "state_dict" in content else dict(state_dict=content)
        path.parent.mkdir(exist_ok=True)
        torch.save(dict(content, **more, extra=Trap()), path)
        return path

    head = save(tmp_path / "head_trap.pth", "head_checkpoint")
    denoiser = save(tmp_path / "trap.pth", "denoiser")
    resumed = save(
        tmp_path / "work" / "iter_1.pth", "denoiser", meta=dict(iter=1, epoch=0)
    )
    pretrained = tmp_path / "pretrained.py"
    pretrained.write_text(
        f"_base_ = {tiny.config!r}\n"
        "model = dict(head_checkpoint=None, head_options={'init_cfg': "
        f"dict(type='Pretrained', checkpoint={str(head)!r})}})\n"
    )
    return SimpleNamespace(
        mark=mark, head=head, denoiser=denoiser, resumed=resumed, pretrained=pretrained
    )


def test_the_traps_work(trap):
    """Where files are unpickled; else the tests below would show nothing."""
    for path in (trap.head, trap.denoiser, trap.resumed):
        torch.load(path, weights_only=False)
        trap.mark.rmdir()


@pytest.mark.parametrize(
    "name, arguments, option",
    [
        ("train", ["{config}"], "model.head_checkpoint={head}"),
        ("test", ["{config}"], "model.head_checkpoint={head}"),
        ("train", ["{config}"], "model.denoiser_checkpoint={denoiser}"),
        ("test", ["{config}"], "model.denoiser_checkpoint={denoiser}"),
        ("train", ["{config}"], "load_from={denoiser}"),
        ("train", ["{pretrained}"], "launcher=none"),
        ("test", ["{pretrained}"], "launcher=none"),
        ("balance", ["{pretrained}"], "launcher=none"),
        ("test", ["{config}", "{denoiser}"], "launcher=none"),
        ("test", ["{head_config}", "{head}"], "launcher=none"),
        ("predict", ["{config}", "{denoiser}", "{photo}"], "launcher=none"),
        ("compare", ["{config}", "--denoiser", "a={denoiser}"], "launcher=none"),
        ("export", ["{denoiser}", "out.pth"], None),
        ("train", ["{config}", "--resume"], "launcher=none"),
    ],
)
def test_no_checkpoint_runs_code(tool, tiny, trap, name, arguments, option):
    names = dict(vars(trap), config=tiny.config, head_config=tiny.head)
    names["photo"] = next(Path(tiny.data, "JPEGImages").glob("*.png"))
    options = [] if option is None else [option.format(**names)]
    run = tool(name, *(text.format(**names) for text in arguments), options=options)
    found = run.error
    if "--resume" not in arguments:
        assert "trap.pth" in found and "and was not opened" in found
    else:
        assert "none of the 1 checkpoints" in found
        assert "iter_1.pth' is corrupt or holds more than weights" in run.out
    assert not trap.mark.exists()


def test_trust_is_for_the_checkpoint_to_resume(tool, tiny, trap):
    for option in ("head_checkpoint={head}", "denoiser_checkpoint={denoiser}"):
        options = [f"model.{option}".format(**vars(trap))]
        run = tool("train", tiny.config, *RESUME, options=options)
        found = run.error
        assert "trap.pth" in found and "and was not opened" in found
        assert "iter_1.pth' holds more than data; it is trusted" in run.out
        trap.mark.rmdir()  # made by the file that is trusted
