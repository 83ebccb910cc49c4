# The paper's denoiser at the paper's scale on one GPU, in pieces as long as you like:
# tools/train.py --resume goes on. Images lie on the GPU, where patches are cut and
# noise is drawn. Tried for a few iterations alone. On several GPUs, divide the batch by
# their number.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/denoisers/multiscale.py",
    "../_base_/datasets/bsd432.py",
    "../_base_/schedules/denoise_adam_187k_bf16.py",
]
train_dataloader = dict(batch_size=256)
model = dict(noise=dict(sigma=25))
