"""Part of tests/services: moto's S3 server, made atomic and durable.

    s3.py PORT JOURNAL BUCKET

moto by itself runs requests side by side, with nothing between its look whether an object is there and its write, and
forgets all when it ends. Here requests run one after the other, and what changed something is written to
JOURNAL before the client hears of it; the next start does it again. So a killed server loses nothing that it confirmed
(the whole machine may: nothing waits for the disk), and comes back with the same objects, times, and open uploads.

It doesn't check signatures: every key is right.
"""

import base64
import io
import json
import os
import sys
import threading
import time
from datetime import UTC, datetime

from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from moto.s3 import models
from werkzeug.serving import run_simple
from werkzeug.test import EnvironBuilder, run_wsgi_app

WRITING = {"PUT", "POST", "DELETE"}


def seed_upload_ids():
    """Takes the ids of multipart uploads from the generator that is seeded for each request, as all other ids are."""
    create = models.FakeMultipart.__init__

    def create_with_seeded_id(upload, *args, **kwargs):
        create(upload, *args, **kwargs)
        upload.id = base64.urlsafe_b64encode(mock_random.randbytes(24)).decode()

    models.FakeMultipart.__init__ = create_with_seeded_id


class DurableServer:
    def __init__(self, journal_path):
        self.app = create_backend_app("s3")
        self.lock = threading.Lock()
        self.number = 0
        self.now = 0.0
        seed_upload_ids()
        models.utcnow = lambda: datetime.fromtimestamp(self.now, UTC).replace(tzinfo=None)
        self.journal = open(journal_path, "a+b", buffering=0)
        self.do_again()

    def __call__(self, environ, start_response):
        body = read_body(environ)
        with self.lock:
            self.now = time.time()
            chunks, status, headers = self.run(environ, body)
            if environ["REQUEST_METHOD"] in WRITING and status < "4":
                self.remember(environ, body)
        start_response(status, headers.to_wsgi_list())
        return chunks

    def run(self, environ, body):
        mock_random.seed(self.number)
        environ["wsgi.input"] = io.BytesIO(body)
        chunks, status, headers = run_wsgi_app(self.app, environ, buffered=True)
        return list(chunks), status, headers

    def remember(self, environ, body):
        kept = {key: value for key, value in environ.items() if isinstance(value, (str, dict))}
        head = json.dumps({"time": self.now, "body": len(body), "environ": kept}).encode()
        write_all(self.journal.fileno(), b"%d\n%s%s" % (len(head), head, body))
        self.number += 1

    def do_again(self):
        """Runs what the journal holds; a last entry that wasn't written to its end was never confirmed, and goes."""
        whole = 0
        with open(self.journal.fileno(), "rb", closefd=False) as journal:
            journal.seek(0)
            while entry := read_entry(journal):
                head, body = entry
                self.now = head["time"]
                self.run(EnvironBuilder().get_environ() | head["environ"], body)
                self.number += 1
                whole = journal.tell()
        self.journal.truncate(whole)

    def create_bucket(self, name):
        environ = EnvironBuilder(f"/{name}", method="PUT").get_environ()
        self(environ, lambda status, headers: print(f"bucket {name}: {status}", file=sys.stderr))


def read_entry(journal):
    line = journal.readline()
    if not line.endswith(b"\n"):
        return None
    head = journal.read(int(line))
    if len(head) < int(line):
        return None
    head = json.loads(head)
    body = journal.read(head["body"])
    return (head, body) if len(body) == head["body"] else None


def write_all(file, data):
    while data:
        data = data[os.write(file, data) :]


def read_body(environ):
    """The whole body, before anybody is made to wait for it; the headers then say how long it is."""
    if environ.pop("wsgi.input_terminated", False):
        body = environ["wsgi.input"].read()
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


if __name__ == "__main__":
    port, journal, bucket = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    server = DurableServer(journal)
    if server.number == 0:
        server.create_bucket(bucket)
    run_simple("127.0.0.1", port, server, threaded=True, request_handler=MotoRequestHandler)
