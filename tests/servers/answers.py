"""Part of tests/services: asks a server something that it can answer only when it is ready; ends with 0 if it did.

    answers.py kafka PORT                 one broker is registered and takes part
    answers.py namenode WEB_PORT COUNT    out of safe mode with COUNT live DataNodes; with COUNT 0, its page is there
    answers.py datanode WEB_PORT COUNT    it reports to COUNT NameNodes; with COUNT 0, its page is there
    answers.py mongodb PORT               it answers a ping
    answers.py s3 PORT                    it answers HTTP
"""

import json
import socket
import struct
import sys
import urllib.request

# For one question, in seconds; who asks tries again.
TIMEOUT = 5


def receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("closed before the answer")
        data += part
    return data


def kafka(port):
    """A Metadata request, version 1, that asks for no topic; the answer begins with the number of brokers."""
    client = b"tests"
    body = struct.pack(">hhih", 3, 1, 7, len(client)) + client + struct.pack(">i", 0)
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        (length,) = struct.unpack(">i", receive(connection, 4))
        answer = receive(connection, length)
    correlation, brokers = struct.unpack(">ii", answer[:8])
    return correlation == 7 and brokers == 1


def mongodb(port):
    """{"ping": 1, "$db": "admin"} as OP_MSG; the answer is a document with "ok": 1.0."""
    fields = b"\x10ping\x00" + struct.pack("<i", 1) + b"\x02$db\x00" + struct.pack("<i", 6) + b"admin\x00"
    document = struct.pack("<i", len(fields) + 5) + fields + b"\x00"
    body = struct.pack("<i", 0) + b"\x00" + document
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        connection.sendall(struct.pack("<iiii", 16 + len(body), 7, 0, 2013) + body)
        length, _, asked, _ = struct.unpack("<iiii", receive(connection, 16))
        answer = receive(connection, length - 16)
    return asked == 7 and b"\x01ok\x00" + struct.pack("<d", 1.0) in answer


def hadoop_bean(port, name):
    url = f"http://127.0.0.1:{port}/jmx?qry=Hadoop:service={name}"
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
        (bean,) = json.load(answer)["beans"]
    return bean


def namenode(port, datanodes):
    info = hadoop_bean(port, "NameNode,name=NameNodeInfo")
    if datanodes == 0:
        return True
    return info["Safemode"] == "" and len(json.loads(info["LiveNodes"])) == datanodes


def datanode(port, namenodes):
    info = hadoop_bean(port, "DataNode,name=DataNodeInfo")
    if namenodes == 0:
        return True
    reporting = [actor for actor in json.loads(info["BPServiceActorInfo"]) if actor["ActorState"] == "RUNNING"]
    return len(reporting) == namenodes


def s3(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=TIMEOUT) as answer:
        return b"<Buckets>" in answer.read()


if __name__ == "__main__":
    question, *numbers = sys.argv[1:]
    questions = {"kafka": kafka, "namenode": namenode, "datanode": datanode, "mongodb": mongodb, "s3": s3}
    try:
        ready = questions[question](*map(int, numbers))
    except (OSError, ValueError, KeyError, struct.error) as error:
        print(f"{question}: {error}", file=sys.stderr)
        ready = False
    sys.exit(0 if ready else 1)
