"""TensorBoard as a user sees it, in a real Chromium."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

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
    shown.goto(f"{address}/{tab}")
    return shown


def hparams_table(browser, address, rows):
    """The HParams page's table, every column switched on: header, and a row of texts for each run."""
    shown = page(browser, address, "#hparams")
    shown.wait_for_function(
        f"document.querySelector('body').innerText.includes('Trial ID') && window.{FIND}", timeout=WAIT
    ) if False else None
    shown.get_by_text("Trial ID").first.wait_for()
    shown.wait_for_timeout(3000)
    return shown
