"""A controller of TrainJobs on loopback, as KEP-2779 has it, for tests of how far runs are."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

TOKEN = "of this job"


@dataclass
class Controller:
    """What was told, and where.

    Attributes:
        url: Where (by the path of KEP-2779) it takes the status of one TrainJob.
        told: Bodies of the requests that it took.
        refused: Codes of those that it refused.
    """

    url: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)


@contextmanager
def controller(certificate: Path | None = None, key: Path | None = None) -> Iterator[Controller]:
    """Run one; over TLS where it is given a certificate."""
    state = Controller()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code = 200 if self.headers["Authorization"] == f"Bearer {TOKEN}" else 403
            code = code if self.path.endswith("/namespaces/edu/trainjobs/mine/status") else 404
            if code == 200:
                state.told.append(json.loads(body))
            else:
                state.refused.append(code)
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    path = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/edu/trainjobs/mine/status"
    state.url = f"{scheme}://127.0.0.1:{server.server_port}{path}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
