"""From image files to a page and scores, by the commands."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from mmdenoise.apis.denoiser import load_denoiser
from mmdenoise.apis.denoising import denoise
from mmdenoise.apis.method_images import MethodRunner, config_without_head

SOURCES = dict(blind="multiscale_blind", fifty="multiscale_sigma50")
OPTIONS = [f"--denoiser={name}={source}" for name, source in SOURCES.items()]


@pytest.fixture
def photo(tmp_path):
    """Write a picture of smooth colours."""

    def write(name, height=40, width=56):
        y, x = np.mgrid[:height, :width]
        colours = np.stack([4 * x, 5 * y, 100 + x + y], axis=-1)
        path = tmp_path / name
        Image.fromarray(colours.astype(np.uint8)).save(path)
        return str(path)

    return write


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_page_holds_what_the_denoisers_make(command, photo, work):
    images = [photo("one.png"), photo("two.png", 24, 30)]
    run = command("study", "make", *images, *OPTIONS, "--sigma", "50", "--out", "s")
    assert run.code == 0, run.err
    page = (work / "s" / "study.html").read_text()
    key = json.loads((work / "s" / "study_key.json").read_text())
    assert "blind" not in page and "fifty" not in page and "one.png" not in page
    shown = json.loads(re.search(r'application/json">(.*?)</script>', page, re.S)[1])
    assert len(shown["images"]) == 2
    methods = MethodRunner(SOURCES, config_without_head(50))
    for entry, image in zip(key["images"], images):
        assert entry["name"] == image
        noisy = methods.run(methods.read(image)).images["noisy"]
        results = next(i for i in shown["images"] if i["id"] == entry["id"])["results"]
        for one in results:
            data = base64.b64decode(one["src"].partition("base64,")[2])
            denoiser = load_denoiser(SOURCES[entry["results"][one["id"]]])
            expected = denoise(denoiser, noisy).clamp(0, 1).mul(255).round()
            picture = np.asarray(Image.open(io.BytesIO(data)))
            assert np.array_equal(picture, expected.permute(1, 2, 0).numpy())


def test_noisy_images_get_no_noise(photo):
    path = photo("one.png")
    methods = MethodRunner({}, config_without_head(None))
    found = methods.run(methods.read(path))
    assert found.clean is None
    pixels = found.images["noisy"].mul(255).permute(1, 2, 0).numpy()
    assert np.abs(pixels - np.asarray(Image.open(path))).max() < 1e-3


def test_seed_draws_another_noise(photo):
    path = photo("one.png")
    runs = [MethodRunner({}, config_without_head(30, seed)) for seed in (0, 0, 1)]
    first, again, other = (m.run(m.read(path)).images["noisy"] for m in runs)
    assert first.equal(again) and not first.equal(other)
    clean = runs[0].run(runs[0].read(path)).clean
    assert ((first - clean) * 255).std() == pytest.approx(30, rel=0.05)


def test_level_is_told_to_whom_takes_it(photo):
    path = photo("one.png")
    source = dict(m="MCWNNM")
    small = [MethodRunner(source, config_without_head(None), sigma=s) for s in (5, 40)]
    weak, strong = (m.run(m.read(path)).denoised["m"] for m in small)
    assert not weak.equal(strong)
    with pytest.raises(ValueError, match="needs the level"):
        MethodRunner(source, config_without_head(None))


def test_what_is_wrong_is_one_line(command, photo, work):
    image = photo("one.png")
    run = command("study", "make", image, *OPTIONS, "--out", "s")
    assert run.code == 1 and "give --sigma" in run.err
    run = command("study", "make", image, image, *OPTIONS, "--sigma", "50")
    assert run.code == 1 and "named twice" in run.err
    run = command("study", "make", "no.png", *OPTIONS, "--sigma", "50", "--out", "s")
    assert run.code == 1 and "there is no image 'no.png'" in run.err
    one = ["study", "make", image, OPTIONS[0], "--sigma", "50", "--out", "s"]
    run = command(*one)
    assert run.code == 1 and "2 to 9 methods, got 1" in run.err
    run = command(*one, "--denoiser=other=multiscale_blind")
    assert run.code == 1 and "gave the same picture" in run.err
    run = command(*one, "--denoiser=noisy=multiscale_blind")
    assert run.code == 1 and "may not be called 'noisy'" in run.err
    assert not (work / "s").exists()


def test_nothing_is_replaced_unasked(command, photo, work):
    make = ["study", "make", photo("one.png"), *OPTIONS, "--sigma", "50", "--out", "s"]
    assert command(*make).code == 0
    page = (work / "s" / "study.html").read_text()
    run = command(*make)
    assert run.code == 1 and "study.html" in run.err and "--overwrite" in run.err
    assert (work / "s" / "study.html").read_text() == page
    assert command(*make, "--overwrite").code == 0
    assert (work / "s" / "study.html").read_text() != page


def test_collect_writes_table_numbers_and_chart(command, photo, work):
    make = ["study", "make", photo("one.png"), *OPTIONS, "--sigma", "50", "--out", "s"]
    assert command(*make).code == 0
    key = json.loads((work / "s" / "study_key.json").read_text())
    (image,) = key["images"]
    ranking = sorted(image["results"], key=lambda one: image["results"][one])
    for rater in "abc":
        answers = [dict(image=image["id"], ranking=ranking)]
        content = dict(format="mmdenoise-opinions", version=1, study=key["study"])
        content.update(rater=rater, answers=answers)
        (work / f"{rater}.json").write_text(json.dumps(content))
    collect = ["study", "collect", "s/study_key.json", "a.json", "b.json", "c.json"]
    run = command(*collect, "--out", "scores", "--screening", "none")
    assert run.code == 0, run.err
    assert "| blind | 2.00 ± 0.00 |" in run.out
    assert (work / "scores" / "opinions.md").read_text().strip() in run.out
    with Image.open(work / "scores" / "opinions.png") as chart:
        assert min(chart.size) > 400
    assert command(*collect, "--out", "scores").code == 1
    (work / "c.json").write_text("{")
    run = command(*collect, "--out", "other")
    assert run.code == 1 and "'c.json' is no JSON file" in run.err
    assert not (work / "other").exists()
