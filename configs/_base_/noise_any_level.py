# Any level from 0 to 75, as the network meets it in use: of float noise, of noise in a
# file of 8 bits, and none. A denoiser trained on float noise alone takes what clipping
# leaves of it on black and white for a tint.
model = dict(
    noise=dict(
        type="mmdenoise.NoiseChoice",
        models=[
            dict(type="mmdenoise.GaussianNoise", sigma=(0, 75)),
            dict(
                type="mmdenoise.GaussianNoise", sigma=(0, 75), clip=True, quantise=True
            ),
            # No noise, whatever is told: what needs nothing is left alone.
            dict(type="mmdenoise.GaussianNoise", sigma=0, told=(0, 75)),
        ],
        shares=(0.63, 0.25, 0.12),
    ),
)
