# What configs/denoise/multiscale_sigmaN_gpu.py share: the blind denoiser, trained on
# for one level. The zoo's denoisers were made so.
_base_ = [
    "./default_runtime.py",
    "./denoisers/multiscale.py",
    "./datasets/bsd432.py",
    "./schedules/denoise_adam_1k_bf16.py",
]
train_dataloader = dict(batch_size=512)
default_hooks = dict(checkpoint=dict(interval=200))
model = dict(denoiser_checkpoint="work_dirs/multiscale_blind_gpu/iter_5000.pth")
