# What every run shares. `default_scope` is the data set's business: it names the host.
custom_imports = dict(imports=["mmdenoise"], allow_failed_imports=False)
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)
default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type="ParamSchedulerHook"),
    # Written aside and renamed; at least two, since the oldest goes before the newest
    # is there.
    checkpoint=dict(
        type="CheckpointHook",
        by_epoch=False,
        interval=2000,
        max_keep_ckpts=3,
        backend_args=dict(backend="mmdenoise.atomic"),
    ),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    # Here rather than in custom_hooks, a list that a config of yours would replace.
    empty_data=dict(type="mmdenoise.EmptyDataHook"),
    dataset_classes=dict(type="mmdenoise.DatasetClassesHook"),
    random_state=dict(type="mmdenoise.RandomStateHook"),
    training_data=dict(type="mmdenoise.TrainingDataHook"),
    resumed_options=dict(type="mmdenoise.ResumedOptionsHook"),
    invalid_loss=dict(type="mmdenoise.InvalidLossHook"),
    # A few images as trained so far, as a picture:
    # pictures=dict(type="mmdenoise.TrainingPicturesHook", interval=1000),
)
log_processor = dict(by_epoch=False)
log_level = "INFO"
load_from = None
resume = False
