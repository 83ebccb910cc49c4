# bsd432.py with flat and saturated areas in the patches, which photographs seldom hold,
# and with the last 16 of the 432 images set aside: recipes are chosen and trainings are
# followed on those, so that CBSD68 and Kodak24 stay test sets.
_base_ = "./bsd432.py"
train_dataloader = dict(
    dataset=dict(
        indices=416,
        transforms=[
            dict(type="mmdenoise.StretchContrast", share=0.1),
            dict(type="mmdenoise.FlatBars", share=0.1),
            dict(type="mmdenoise.FlatPatches", share=0.1),
        ],
    )
)
val_dataloader = dict(
    dataset=dict(data_root={{_base_.train_dataloader.dataset.data_root}}, indices=-16)
)
