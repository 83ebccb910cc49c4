# The same within fifteen minutes of one GPU: images lie there, patches are cut and
# noise is drawn there, the denoiser runs as captured graphs. In pieces as long as you
# like: mmdenoise train --resume goes on.
_base_ = [
    "../_base_/denoise_any_level.py",
    "../_base_/schedules/denoise_adam_36k_bf16.py",
]
train_dataloader = dict(batch_size=512)
optim_wrapper = dict(optimizer=dict(fused=True))
model = dict(
    denoiser_checkpoint="work_dirs/multiscale_start.pth",
    compile_denoiser=dict(mode="reduce-overhead"),
)
default_hooks = dict(checkpoint=dict(interval=1000))
