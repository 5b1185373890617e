"""TensorBoard as a user sees it, in a real Chromium."""

import io
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest
from PIL import Image

from rnnbench.cli import main
from rnnbench.records.load import load_runs
from rnnbench.records.sweep import latest_sweep

pytestmark = pytest.mark.browser

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
WAIT = 90_000  # milliseconds; a busy machine draws late


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the browser extra")
    with playwright.sync_playwright() as driver:
        path = shutil.which("chromium") or shutil.which("chromium-browser") or driver.chromium.executable_path
        if shutil.which(path) is None:
            pytest.skip("no chromium")
        chromium = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    """Two models, two seeds, two rates on digits; and one run of another task, begun later."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNBENCH_RUNS", str(folder))
        small = ["model.hidden_size=8", "trainer.max_epochs=3"]
        rates = "optimizer.lr=0.005,0.02"
        assert main(["train", "-m", "model=gru,torch_lstm", "dataset=digits", "seed=0,1", rates, *small]) == 0
        assert main(["compare", str(latest_sweep(folder)), "--out", str(folder / "compare")]) == 0
        adding = ["dataset=adding30", "dataset.train_size=300", "dataset.valid_size=50", "dataset.test_size=50"]
        assert main(["train", "model=rnn", *adding, *small]) == 0
    return folder


@contextmanager
def tensorboard(logdir):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tensorboard.main", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen([*command, "--logdir", str(logdir)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(120):  # until the server answers and has read the runs
            try:
                if len(urllib.request.urlopen(f"{address}/data/runs").read()) > 2:
                    break
            except OSError:
                pass
            time.sleep(0.5)
        else:
            raise TimeoutError(f"tensorboard does not serve {logdir}")
        yield address
    finally:
        server.terminate()
        server.wait()


def page(browser, address, tab):
    shown = browser.new_page(viewport={"width": 2200, "height": 1400})
    shown.set_default_timeout(WAIT)
    shown.set_default_navigation_timeout(WAIT)
    shown.goto(f"{address}/{tab}")
    return shown


def coloured(element):
    """The share of coloured pixels of an element as it is drawn: curves and bands have colours, axes and text none."""
    picture = Image.open(io.BytesIO(element.screenshot())).convert("HSV")
    drawn = sum(saturation > 40 and value > 60 for _, saturation, value in picture.get_flattened_data())
    return drawn / (picture.width * picture.height)


def wait_until(true, seconds=60):
    before = time.monotonic()
    while not true():
        assert time.monotonic() - before < seconds
        time.sleep(0.5)


def hparams_table(browser, address, rows):
    """The table of the HParams page: its header, and a row of texts for each run."""
    shown = page(browser, address, "#hparams")
    grid = shown.locator("vaadin-grid-cell-content")

    def texts():
        return [text.strip() for text in grid.all_inner_texts()]

    wait_until(lambda: sum("/s" in t or t.count("-") > 2 for t in texts()) >= rows)
    found = texts()
    header = found[: found.index("")]
    starts = [at for at, text in enumerate(found) if "/s" in text or text.count("-") > 2]
    return header, [found[at : at + len(header) + 1] for at in starts]


def test_hparams_shows_every_run_with_what_was_swept_and_its_final_metrics(browser, runs_dir):
    sweep = latest_sweep(runs_dir)
    with tensorboard(sweep) as address:
        header, rows = hparams_table(browser, address, 8)
    assert header[2:7] == ["dataset", "model", "optimizer.lr", "parameters", "seed"]
    assert header[7] == "test/nll"
    assert len(rows) == 8
    shown = {(row[3], float(row[4]), int(float(row[6]))): row for row in rows}
    for run in load_runs(sweep):
        row = shown[run.job.model, run.job.hparams["optimizer.lr"], run.job.seed]
        assert row[0] == f"digits/{run.job.model}/s{run.job.seed}-lr={run.job.hparams['optimizer.lr']}"
        assert float(row[5]) == run.record["parameters"]["backbone"]
        for at, name in enumerate(header[7:], start=7):
            value = run.record["metrics"]["test"][name.removeprefix("test/")]
            assert value != -1
            texts = row[at : at + 2]  # the page leaves an empty cell among them
            assert any(float(text) == pytest.approx(value, rel=1e-3) for text in texts if text)


def test_hparams_of_all_runs_has_the_columns_of_every_sweep_and_single_run(browser, runs_dir):
    with tensorboard(runs_dir / "runs") as address:
        header, rows = hparams_table(browser, address, 9)
    assert header[2:7] == ["dataset", "model", "optimizer.lr", "parameters", "seed"]
    assert len(rows) == 9
    assert {row[2] for row in rows} == {"digits", "adding30"}
    with tensorboard(runs_dir / "runs") as address:
        columns = page(browser, address, "#hparams").locator("paper-checkbox")
        wait_until(lambda: "test/nll" in columns.all_inner_texts())
        assert {"test/mse", "dataset.length", "model.cell.nonlinearity", "model.cell.reset"} <= set(
            columns.all_inner_texts()
        )


def test_time_series_draws_the_curves_of_every_run(browser, runs_dir):
    with tensorboard(latest_sweep(runs_dir)) as address:
        shown = page(browser, address, "?tagFilter=valid/nll#timeseries")
        chart = shown.locator("line-chart").first
        chart.wait_for()
        wait_until(lambda: coloured(chart) > 0.01)
        card = shown.locator("card-view").first.inner_text()
        assert card.replace("\n", "").startswith("valid/nll")
        for run in ("gru/s0-lr=0.005", "gru/s1-lr=0.02", "torch_lstm/s0-lr=0.02", "torch_lstm/s1-lr=0.005"):
            assert f"digits/{run}" in card
        tags = json.loads(urllib.request.urlopen(f"{address}/data/plugin/scalars/tags").read())
    wanted = {"train/loss", "valid/accuracy", "lr", "grad_norm", "sequences_per_second", "test/nll"}
    assert len(tags) == 8
    assert all(wanted <= set(named) for named in tags.values())
    assert not any("epoch" in named for named in tags.values())


def test_custom_scalars_draws_bands_of_both_models(browser, runs_dir):
    with tensorboard(runs_dir / "compare") as address:
        shown = page(browser, address, "#custom_scalars")
        chart = shown.locator("tf-custom-scalar-margin-chart-card").first
        chart.wait_for()
        wait_until(lambda: coloured(chart) > 0.03)  # bands are areas
        assert shown.get_by_text("digits: training").count() == 1
        assert shown.get_by_text("Matches (4)").count() >= 5  # two models at two rates, on every metric
