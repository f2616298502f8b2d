"""Both InfluxDB outputs begin at once, and the client's modules import each other in circles."""

from __future__ import annotations

import subprocess
import sys

# The first thread is held inside the import of the client until the second has begun to send.
SCRIPT = '''
import sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from lifeline.engine.clock import SystemClock
from lifeline.engine.outputs.influx_http import InfluxSender, InfluxTarget

class Hold:
    def __init__(self):
        self.inside = threading.Event()
    def find_spec(self, name, path=None, target=None):
        if name == "influxdb_client.client.delete_api":
            self.inside.set()
            pause.wait(1.0)

class Two(BaseHTTPRequestHandler):
    """It is InfluxDB 2, and takes everything."""
    def do_GET(self):
        self.answer()
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()
    def answer(self):
        self.send_response(204)
        self.send_header("X-Influxdb-Version", "v2.7.1")
        self.end_headers()
    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Two)
threading.Thread(target=server.serve_forever, daemon=True).start()

def send():
    url = f"http://127.0.0.1:{server.server_address[1]}"
    sender = InfluxSender(InfluxTarget(url, "-", "b"), SystemClock())
    try:
        answers.append(sender.send(b"a v=1 1").status)
    except BaseException as error:
        answers.append(repr(error))

answers, hold, pause = [], Hold(), threading.Event()
sys.meta_path.insert(0, hold)
first, second = threading.Thread(target=send), threading.Thread(target=send)
first.start()
hold.inside.wait()
second.start()
first.join()
second.join()
print(answers)
'''


def test_two_outputs_that_begin_at_once_both_send() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.stdout.strip() == "[204, 204]", done.stdout + done.stderr
