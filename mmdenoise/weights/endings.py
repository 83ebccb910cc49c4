"""By which endings files of weights are known; torch is not needed to say it."""

__all__ = ["READ", "WRITTEN"]

# What a denoiser file may be written as, and what may be read.
WRITTEN = (".safetensors", ".pth")
READ = (*WRITTEN, ".pt", ".ckpt", ".mat")
