"""What the tools share: options, configs, errors of one line."""

import os

import pytest

from mmdenoise.cli.common import command_line, read_config, run_tool


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in (
        "LOCAL_RANK",
        "MMDENOISE_TRACEBACK",
        "TORCH_FORCE_WEIGHTS_ONLY_LOAD",
    ):
        # Set and delete: what a test sets is undone at its end.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "some_config.py"
    path.write_text("model = dict(noise=dict(sigma=60), sizes=[1, 2])\n")
    return str(path)


def parse(*arguments):
    return command_line("A tool.").parse_args(list(map(str, arguments)))


def test_defaults(config):
    cfg = read_config(parse(config))
    assert cfg.model.noise.sigma == 60
    assert cfg.work_dir == os.path.join("work_dirs", "some_config")
    assert cfg.launcher == "none"
    assert os.environ["LOCAL_RANK"] == "0"


def test_options(config):
    cfg = read_config(
        parse(
            config,
            *("--work-dir", "elsewhere"),
            *("--launcher", "pytorch"),
            *("--cfg-options", "model.noise.sigma=30", "model.sizes=[5,6]", "a.b=c"),
        )
    )
    assert cfg.model.noise.sigma == 30
    assert cfg.model.sizes == [5, 6]
    assert cfg.a.b == "c"
    assert cfg.work_dir == "elsewhere"
    assert cfg.launcher == "pytorch"


@pytest.mark.parametrize("gpus", [True, False])
def test_ranks_talk_over_gloo_where_there_is_no_gpu(config, monkeypatch, gpus):
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpus)
    with open(config, "a") as file:
        file.write(
            "env_cfg = dict(cudnn_benchmark=True, dist_cfg=dict(backend='nccl'))\n"
        )
    assert read_config(parse(config)).env_cfg.dist_cfg.backend == "nccl"
    launched = read_config(parse(config, "--launcher", "pytorch"))
    assert launched.env_cfg.dist_cfg.backend == ("nccl" if gpus else "gloo")
    assert launched.env_cfg.cudnn_benchmark


def test_a_configs_own_work_dir(config):
    with open(config, "a") as file:
        file.write("work_dir = 'its/own'\n")
    assert read_config(parse(config)).work_dir == "its/own"
    assert read_config(parse(config, "--work-dir", "mine")).work_dir == "mine"


@pytest.mark.parametrize("spelling", ["--local_rank", "--local-rank"])
def test_local_rank(config, spelling, monkeypatch):
    read_config(parse(config, spelling, 3))
    assert os.environ["LOCAL_RANK"] == "3"
    monkeypatch.setenv("LOCAL_RANK", "1")
    read_config(parse(config, spelling, 2))
    assert os.environ["LOCAL_RANK"] == "1", "torchrun's word counts"


def test_a_missing_config():
    with pytest.raises(FileNotFoundError, match="there is no config 'gone.py'"):
        read_config(parse("gone.py"))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("sigma must\n  not be\tnegative"),
        FileNotFoundError("sigma must not be negative"),
        RuntimeError("sigma must not be negative"),
        ImportError("sigma must not be negative"),
        KeyError("sigma must not be negative"),
    ],
)
def test_foreseen_errors_are_one_line(capsys, error):
    def main():
        raise error

    with pytest.raises(SystemExit) as stop:
        run_tool(main)
    assert stop.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: sigma must not be negative"
    assert not any("Traceback" in line for line in lines)


def test_an_error_of_a_loaders_worker_is_one_line(capsys):
    """PyTorch raises it again with the whole traceback as its message."""

    def main():
        raise ValueError(
            "Caught ValueError in DataLoader worker process 0.\n"
            "Original Traceback (most recent call last):\n"
            '  File "somewhere.py", line 3, in load\n    raise ValueError(\n'
            "ValueError: cannot read the image 'a.png': it is: truncated\n"
        )

    with pytest.raises(SystemExit):
        run_tool(main)
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "error: cannot read the image 'a.png': it is: truncated"


def test_the_traceback_on_demand(monkeypatch):
    monkeypatch.setenv("MMDENOISE_TRACEBACK", "1")

    def main():
        raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        run_tool(main)


def test_mistakes_of_ours_are_not_hidden():
    def main():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_tool(main)


def test_a_tool_never_unpickles_what_is_not_data():
    seen = []
    run_tool(lambda: seen.append(os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"]))
    assert seen == ["1"]


def test_a_tool_that_works_returns(capsys):
    run_tool(lambda: print("done"))
    assert capsys.readouterr().out == "done\n"
