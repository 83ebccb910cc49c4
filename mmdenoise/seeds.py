"""Seeds out of bytes: the same everywhere, and unrelated for unlike bytes."""

import hashlib

__all__ = ["seed_of"]


def seed_of(data: bytes, bits: int = 63) -> int:
    """Return the first bits of SHA-256 of ``data``.

    Args:
        data: What the seed depends on.
        bits: 63 for PyTorch's generators, 32 for NumPy's.

    Example:
        >>> seed_of(b"image", bits=32)
        3436578145
    """
    digest = hashlib.sha256(data).digest()
    return int.from_bytes(digest[: -(-bits // 8)], "little") >> (-bits % 8)
