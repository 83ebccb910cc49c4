"""What only a GPU can show; these are skipped where there is none."""

import copy
import subprocess
import sys

import pytest
import torch
from mmengine.optim import AmpOptimWrapper

from mmdenoise.apis import denoise
from mmdenoise.datasets.patches import Places, cut_patches, gather_images
from mmdenoise.registry import MODELS

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
    pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning"),
]

SMALL = dict(
    type="mmdenoise.MultiScaleDenoiser",
    encoder_channels=8,
    decoder_channels=8,
    stem_channels=4,
)
WEIGHTS = dict(perceptual=0.01, task=0.1)
TAP = "backbone.layer2"


@pytest.fixture(autouse=True)
def _full_precision():
    """Convs in float32 proper, so that a tolerance can tell an error."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def copies(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_mixed_precision_moves_the_denoiser_alone(
    dtype, seg_head, make_cascade, seg_batch
):
    model = make_cascade(seg_head, "small", 30, WEIGHTS, tap=TAP).cuda()
    head, denoiser = copies(model.head), copies(model.denoiser)
    optimizer = torch.optim.Adam(model.denoiser.parameters(), lr=1e-3, fused=True)
    # PyTorch's own first scale overflows, and the first steps would be skipped.
    scale = dict(init_scale=64) if dtype == "float16" else 1.0
    wrapper = AmpOptimWrapper(dtype=dtype, loss_scale=scale, optimizer=optimizer)
    for seed in range(4):
        terms = model.train_step(seg_batch((33, 45), (40, 29), seed=seed), wrapper)
        assert all(value.isfinite() for name, value in terms.items() if "loss" in name)
    assert all(torch.equal(head[k], v) for k, v in model.head.state_dict().items())
    assert not any(
        torch.equal(denoiser[k], v)
        for k, v in model.denoiser.state_dict().items()
        if v.is_floating_point()
    )


def test_an_image_has_its_noise_on_either_device(make_cascade, seg_head, seg_batch):
    model = make_cascade(seg_head, "identity", 30, WEIGHTS, tap=TAP)
    batch = seg_batch((33, 45), (33, 45))
    here = model.data_preprocessor(copy.deepcopy(batch), False)
    there = model.cuda().data_preprocessor(copy.deepcopy(batch), False)
    assert there["inputs"].is_cuda
    assert (here["inputs"] - there["inputs"].cpu()).abs().max() < 1e-6


def test_patches_are_cut_alike_on_either_device(image):
    pictures = [image(40, 50, s).permute(1, 2, 0).numpy() for s in range(2)]
    places = Places(*torch.tensor([[0, 1, 1], [3, 0, 24], [7, 34, 0], [0, 5, 7]]))
    here = cut_patches(gather_images(pictures), places, 16)
    on_gpu = Places(*(value.cuda() for value in places))
    there = cut_patches(gather_images(pictures, "cuda"), on_gpu, 16)
    assert there.is_cuda and torch.equal(here, there.cpu())


def test_a_compiled_denoiser_gives_the_same(make_cascade):
    plain = make_cascade(denoiser=SMALL).cuda()
    compiled = make_cascade(denoiser=SMALL, compile_denoiser=True).cuda()
    compiled.load_state_dict(plain.state_dict())
    images = torch.rand(2, 3, 32, 32, device="cuda")
    expected, found = (m.denoiser(images) for m in (plain, compiled))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    for result in (expected, found):
        result.square().sum().backward()
    ours, theirs = (
        [parameter.grad for parameter in model.denoiser.parameters()]
        for model in (compiled, plain)
    )
    # BN takes a constant away: the biases before it get nothing but rounding.
    largest = max(gradient.abs().max() for gradient in theirs)
    for one, other in zip(ours, theirs):
        assert (one - other).abs().max() <= 1e-4 * largest


def test_tiles_give_the_whole_image():
    denoiser = MODELS.build(SMALL).eval().cuda()
    image = torch.rand(3, 150, 170, device="cuda")
    whole, tiled = (denoise(denoiser, image, tile=tile) for tile in (0, 64))
    assert whole.is_cuda
    assert (whole - tiled).abs().max() < 1e-5


RANK = """
import sys
import torch
from torch.nn.parallel import DistributedDataParallel
import mmdenoise.models
from mmdenoise.registry import MODELS

rank, config = int(sys.argv[1]), {config}
torch.distributed.init_process_group(
    "gloo", init_method="file://{folder}/meeting", rank=rank, world_size=2
)
torch.backends.cudnn.allow_tf32 = False
state, images = torch.load("{folder}/given.pth")
model = MODELS.build(config).cuda()
assert any(isinstance(m, torch.nn.SyncBatchNorm) for m in model.modules())
model.load_state_dict(state)
parallel = DistributedDataParallel(model, device_ids=[0])
parallel(images.chunk(2)[rank].cuda()).square().mean().backward()
torch.save([p.grad.cpu() for p in model.parameters()], f"{folder}/{{rank}}.pth")
"""


def test_synchronised_bn_gives_two_ranks_the_whole_batchs_gradients(tmp_path):
    """Two processes that share a GPU: over gloo, since NCCL wants one for each."""
    model = MODELS.build(SMALL).cuda()
    images = torch.rand(4, 3, 32, 32)
    torch.save((model.state_dict(), images), tmp_path / "given.pth")
    script = tmp_path / "rank.py"
    config = dict(SMALL, norm_cfg=dict(type="SyncBN"))
    script.write_text(RANK.format(config=config, folder=tmp_path))
    ranks = [subprocess.Popen([sys.executable, script, str(r)]) for r in range(2)]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    halves = [torch.load(tmp_path / f"{rank}.pth") for rank in range(2)]
    model(images.cuda()).square().mean().backward()
    wholes = [parameter.grad.cpu() for parameter in model.parameters()]
    # BN takes a constant away: the biases before it get nothing but rounding.
    largest = max(whole.abs().max() for whole in wholes)
    for whole, one, other in zip(wholes, *halves):
        assert torch.equal(one, other)
        assert (one - whole).abs().max() <= 1e-4 * largest
