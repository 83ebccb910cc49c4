"""The paper's denoiser: its published numbers, its options, any size of image."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmdenoise.models import IdentityDenoiser, MultiScaleDenoiser
from mmdenoise.models.denoisers.multiscale import add_level_channel
from mmdenoise.registry import MODELS


def count(model, kinds=(nn.Conv2d, nn.ConvTranspose2d), without=()):
    return sum(
        parameter.numel()
        for name, module in model.named_modules()
        if isinstance(module, kinds) and not name.startswith(without)
        for parameter in module.parameters(recurse=False)
    )


def small(**kwargs):
    widths = dict(encoder_channels=8, decoder_channels=12, stem_channels=4)
    return MultiScaleDenoiser(**{**widths, **kwargs})


def with_statistics(model):
    """BN that does something: other statistics and affine parts than 0 and 1."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()


def test_parameter_counts_are_the_published_ones():
    model = MultiScaleDenoiser()
    assert count(model) == 1_030_883
    assert sum(p.numel() for p in model.parameters()) == 1_033_443
    assert count(model, without=("stem",)) == 1_026_019


def test_parameter_counts_with_a_narrow_decoder():
    model = MultiScaleDenoiser(decoder_channels=128)
    assert count(model) == 596_707
    assert count(model, without=("stem",)) == 591_843


@pytest.mark.parametrize("size", [(48, 48), (32, 64)])
def test_multiply_adds_per_pixel(size):
    model = MultiScaleDenoiser().eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, *size))
    # The counter counts a multiplication and an addition as two.
    assert counter.get_total_flops() / 2 / (size[0] * size[1]) == 220_544


def test_layers_are_the_tables():
    """Kernels, strides, biases: what no parameter count can see."""
    model = MultiScaleDenoiser()
    assert model.stem.kernel_size == (5, 5) and model.stem.stride == (1, 1)
    for encoder in model.encoders:
        assert encoder.entry[0].stride == (2, 2)
    assert model.decoders[0].entry[0].stride == (1, 1)
    for up in model.upsamplers:
        assert up.kernel_size == (4, 4) and up.stride == (2, 2)
        assert up.bias is not None
    for block in [*model.encoders, *model.decoders]:
        assert block.entry[0].bias is not None
        convs = [m for m in block.residual if isinstance(m, nn.Conv2d)]
        assert [m.kernel_size[0] for m in convs] == [1, 3, 1]
        assert all(m.bias is None for m in convs)
        assert isinstance(block.residual[-1], nn.BatchNorm2d)
    assert model.output.kernel_size == (3, 3)
    assert model.output.out_channels == 3


def test_receptive_field_by_autograd():
    """39x39 whatever the position; up to 22 pixels to one side."""
    # Narrower, for speed: a receptive field knows nothing of widths.
    model = MultiScaleDenoiser(encoder_channels=48, decoder_channels=48)
    model = with_statistics(model).double()
    sides = []
    for row in range(28, 32):
        image = torch.rand(1, 3, 64, 64, dtype=torch.float64, requires_grad=True)
        model(image)[0, :, row, 29].sum().backward()
        rows = image.grad[0].abs().sum((0, 2)).nonzero().flatten()
        columns = image.grad[0].abs().sum((0, 1)).nonzero().flatten()
        sides += [row - int(rows[0]), int(rows[-1]) - row]
        assert int(rows[-1]) - int(rows[0]) + 1 == 39
        assert int(columns[-1]) - int(columns[0]) + 1 == 39
    assert max(sides) == 22


def by_hand(model, image):
    """The table of the design, read aloud, with nothing but functional calls."""
    weights = model.state_dict()

    def conv(x, name, stride=1):
        weight = weights[f"{name}.weight"]
        padding = weight.shape[-1] // 2
        bias = weights.get(f"{name}.bias")
        return F.conv2d(x, weight, bias, stride=stride, padding=padding)

    def norm(x, name):
        mean, var, scale, shift = (
            weights[f"{name}.{part}"].view(-1, 1, 1)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * scale + shift

    def code(x, name, stride):
        x = norm(conv(x, f"{name}.entry.0", stride), f"{name}.entry.1").clamp(min=0)
        y = norm(conv(x, f"{name}.residual.0"), f"{name}.residual.1").clamp(min=0)
        y = norm(conv(y, f"{name}.residual.3"), f"{name}.residual.4").clamp(min=0)
        y = norm(conv(y, f"{name}.residual.6"), f"{name}.residual.7")
        return (x + y).clamp(min=0)

    def up(x, name):
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return F.conv_transpose2d(x, weight, bias, stride=2, padding=1)

    full = conv(image, "stem")
    half = code(full, "encoders.0", 2)
    quarter = code(half, "encoders.1", 2)
    half = code(torch.cat([up(quarter, "upsamplers.0"), half], 1), "decoders.0", 1)
    full = torch.cat([up(half, "upsamplers.1"), full], 1)
    return conv(full, "output") + image


def test_forward_equals_the_table_computed_by_hand():
    model = with_statistics(small()).double()
    image = torch.rand(2, 3, 12, 16, dtype=torch.float64)
    torch.testing.assert_close(model(image), by_hand(model, image))


def test_odd_sizes_are_reflected_and_cropped():
    model = with_statistics(small()).double()
    image = torch.rand(1, 3, 10, 15, dtype=torch.float64)
    padded = F.pad(image, (0, 1, 0, 2), mode="reflect")
    torch.testing.assert_close(model(image), by_hand(model, padded)[..., :10, :15])


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 7), (3, 50), (2, 3), (17, 5), (33, 31), (8, 8)]
)
@pytest.mark.parametrize(
    "options", [dict(), dict(scales=2), dict(scales=4), dict(downsample="pool")]
)
def test_any_size_comes_back(size, options):
    image = torch.rand(2, 3, *size)
    model = small(**options).eval()
    denoised = model(image)
    assert denoised.shape == image.shape
    assert denoised.isfinite().all()
    assert (denoised != image).any()


@pytest.mark.parametrize(
    ("options", "convolutions"),
    [
        # By hand: stem 5x5; encode = 3x3 entry with bias + (1 + 9/4 + 1)/4 of squares.
        (dict(scales=2), 64 * 75 + 64 + 73_856 + 17_408 + 65_568 + 2_595),
        (dict(scales=4), None),
        (dict(fusion="sum"), None),
        (dict(downsample="pool"), 1_030_883),
        (dict(global_skip=False), 1_030_883),
    ],
)
def test_options_build_and_count(options, convolutions):
    model = MultiScaleDenoiser(**options)
    if convolutions is not None:
        assert count(model) == convolutions
    scales = options.get("scales", 3)
    assert len(model.encoders) == scales - 1
    assert len(model.decoders) == scales - 2
    assert model.stride == 2 ** (scales - 1)


def test_four_scales_add_one_module_on_each_side():
    encoder = count(MultiScaleDenoiser().encoders[1])
    # From 1/8 to 1/4: a deconv to 32, a decoder as before; the next deconv starts from
    # a decoder's width, 64 channels instead of 32, and its decoder takes them.
    more = encoder + (128 * 32 * 16 + 32) + count(MultiScaleDenoiser().decoders[0])
    more += (256 * 64 * 16 + 64) - (128 * 32 * 16 + 32) + 32 * 256 * 9
    assert count(MultiScaleDenoiser(scales=4)) - count(MultiScaleDenoiser()) == more


def test_without_global_skip_the_image_is_not_added():
    torch.manual_seed(0)
    with_skip = with_statistics(small())
    without = small(global_skip=False)
    without.load_state_dict(with_skip.state_dict())
    image = torch.rand(1, 3, 8, 12)
    torch.testing.assert_close(with_skip(image) - image, without.eval()(image))


def test_sum_adds_instead_of_concatenating():
    model = small(fusion="sum")
    assert model.upsamplers[0].out_channels == 8
    assert model.upsamplers[1].out_channels == 4
    assert model.output.in_channels == 4


def test_pool_takes_the_maximum():
    model = small(downsample="pool")
    assert isinstance(model.encoders[0][0], nn.MaxPool2d)
    assert model.encoders[0][1].entry[0].stride == (1, 1)


def test_output_is_not_clipped():
    model = small().eval()
    nn.init.zeros_(model.output.weight)
    nn.init.constant_(model.output.bias, -3.0)
    image = torch.full((1, 3, 4, 4), 0.5)
    torch.testing.assert_close(model(image), image - 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(scales=1), "scales must be 2 to 10, got 1"),
        (dict(encoder_channels=6), "encoder_channels must be a multiple of 4, got 6"),
        (dict(decoder_channels=0), "decoder_channels must be a multiple of 4, got 0"),
        (dict(downsample="blur"), "'conv' or 'pool', got 'blur'"),
        (dict(fusion="max"), "'concat' or 'sum', got 'max'"),
    ],
)
def test_wrong_options(options, words):
    with pytest.raises(ValueError, match=words):
        MultiScaleDenoiser(**options)


def test_identity_returns_its_input():
    image = torch.rand(1, 3, 5, 7) * 3 - 1
    assert torch.equal(IdentityDenoiser()(image), image)
    assert not list(IdentityDenoiser().parameters())


def test_registered_under_our_scope():
    assert isinstance(
        MODELS.build(dict(type="mmdenoise.MultiScaleDenoiser", encoder_channels=4)),
        MultiScaleDenoiser,
    )


@pytest.mark.parametrize("options", [dict(), dict(global_skip=False)])
def test_the_level_is_a_fourth_channel(options):
    model = with_statistics(small(takes_sigma=True, sigma=30, **options))
    assert model.stem.weight.shape == (4, 4, 5, 5)
    told = []
    model.stem.register_forward_pre_hook(lambda _, args: told.append(args[0]))
    noisy = torch.rand(2, 3, 5, 6)
    with torch.no_grad():
        own = model(noisy)
        model(noisy, [10, 60])
        model(noisy, torch.arange(6.0).view(1, 6))
        assert not torch.allclose(model(noisy, 60), own)
    torch.testing.assert_close(told[0][:, :3, :5, :6], noisy)
    assert torch.equal(told[0][:, 3], torch.full((2, 8, 8), 30 / 255))
    assert torch.equal(told[1][:, 3, 0, 0], torch.tensor([10.0, 60]) / 255)
    # Continued to a multiple of 4 as the image is.
    ramp = torch.tensor([0.0, 1, 2, 3, 4, 5, 4, 3]) / 255
    assert torch.equal(told[2][:, 3], ramp.expand(2, 8, 8))


@pytest.mark.parametrize("options", [dict(), dict(fusion="sum", scales=2)])
def test_a_level_channel_of_zeros_changes_nothing(options):
    blind = with_statistics(small(**options))
    told = small(takes_sigma=True, **options).eval()
    told.load_state_dict(add_level_channel(blind.state_dict()))
    noisy = torch.rand(2, 3, 9, 7)
    with torch.no_grad():
        for level in (0, 60, [5, 75]):
            torch.testing.assert_close(told(noisy, level), blind(noisy))
    loss = told(noisy, 25).square().sum()
    loss.backward()
    assert told.stem.weight.grad[:, 3].abs().min() > 0, "and it can learn"


def test_states_that_take_no_level_channel():
    told = add_level_channel(small().state_dict())
    for state, message in (
        (told, r"takes no level.* got \(4, 4, 5, 5\)"),
        (IdentityDenoiser().state_dict(), "got None"),
    ):
        with pytest.raises(ValueError, match=message):
            add_level_channel(state)
