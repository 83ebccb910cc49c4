"""Seeds out of bytes."""

import hashlib

from mmdenoise.seeds import seed_of


def test_bits_of_sha_256():
    digest = hashlib.sha256(b"x").digest()
    assert seed_of(b"x", bits=32) == int.from_bytes(digest[:4], "little")
    assert seed_of(b"x") == int.from_bytes(digest[:8], "little") // 2
    assert seed_of(b"y") != seed_of(b"x") < 2**63
