"""bfloat16 where there are instructions for it, and one line where there are none."""

import pytest
import torch

from mmdenoise import precision
from mmdenoise.precision import autocast, choose_precision, has_bfloat16

X86 = """\
processor\t: 0
flags\t\t: fpu sse2 avx512f avx512_bf16
processor\t: 1
flags\t\t: fpu sse2 avx512f{more}
"""


@pytest.fixture(autouse=True)
def _look_again():
    precision._cpu_has_it.cache_clear()
    yield
    precision._cpu_has_it.cache_clear()


@pytest.fixture
def cpu(monkeypatch):
    """Let PyTorch say what the CPU has."""

    def cpu(**capabilities):
        monkeypatch.setattr(
            torch.cpu, "get_capabilities", lambda: capabilities, raising=False
        )

    return cpu


@pytest.mark.parametrize(
    "capabilities, expected",
    [
        (dict(avx512_f=True, avx512_bf16=True), True),
        (dict(amx_bf16=True), True),
        (dict(avx512_f=True, avx512_bf16=False), False),
        # AVX-512 alone emulates it, and a cache has no instructions.
        (dict(avx512_f=True, avx2=True, l2_cache_size=1), False),
        ({}, False),
    ],
)
def test_instructions_are_looked_for(cpu, capabilities, expected):
    cpu(**capabilities)
    assert has_bfloat16("cpu") is expected
    assert choose_precision("auto") == ("bfloat16" if expected else "float32")
    assert choose_precision("float32") == "float32"
    if expected:
        assert choose_precision("bfloat16") == "bfloat16"
    else:
        with pytest.raises(ValueError, match="no instructions for it") as error:
            choose_precision("bfloat16")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text, expected",
    [
        (X86.format(more=" avx512_bf16"), True),
        (X86.format(more=""), False),  # one core lacks them
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("model name\t: avx512_bf16\n", False),
        (None, False),
    ],
)
def test_older_versions_ask_the_kernel(monkeypatch, tmp_path, text, expected):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    path = tmp_path / "cpuinfo"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(precision, "CPU_INFO", str(path))
    assert has_bfloat16("cpu") is expected


def test_without_onednn_there_is_none(cpu, monkeypatch):
    cpu(avx512_bf16=True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not has_bfloat16()


def test_other_devices_have_none():
    assert not has_bfloat16("meta")


def test_a_wrong_name_is_refused():
    with pytest.raises(ValueError, match="auto, float32, bfloat16, got 'half'"):
        choose_precision("half")


def test_what_the_context_computes_in():
    a = torch.rand(4, 4)
    with autocast("float32", "cpu"):
        assert (a @ a).dtype == torch.float32
    with autocast("bfloat16", "cpu"):
        assert (a @ a).dtype == torch.bfloat16


@pytest.mark.parametrize("major, expected", [(7, False), (8, True), (9, True)])
def test_gpus_that_emulate_it_have_none(monkeypatch, major, expected):
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (major, 0))
    assert has_bfloat16("cuda") is expected
