"""Real data where the machine has them, and a small web server for downloads."""

import io
import os
import threading
import wave
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("RNNBENCH_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs published files: set RNNBENCH_DATA to their folder")
    return Path(folder)


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        self.server.requests.append(self.path)

    def send_head(self):
        if self.path.startswith("/cut/"):  # promises more than it sends
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            self.log_message()
            return None
        return super().send_head()


@pytest.fixture
def server(tmp_path):
    """``folder`` to serve from, its ``url``, and the list of ``requests`` answered."""
    folder = tmp_path / "served"
    folder.mkdir()
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    web.requests, web.folder, web.url = [], folder, f"http://127.0.0.1:{web.server_port}"
    thread = threading.Thread(target=web.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield web
    web.shutdown()
    web.server_close()
    thread.join()


@pytest.fixture
def wav():
    """Bytes of a WAV file with the given whole numbers as samples."""

    def write(samples, rate=8000, channels=1, width=2):
        stream = io.BytesIO()
        with wave.open(stream, "wb") as sound:
            sound.setnchannels(channels)
            sound.setsampwidth(width)
            sound.setframerate(rate)
            sound.writeframes(np.asarray(samples, f"<i{width}").tobytes())
        return stream.getvalue()

    return write
