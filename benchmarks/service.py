"""How many pictures a second does the service answer, and does it hold against what is thrown at it?

    python benchmarks/service.py                    # masks/s and blurred JPEGs/s of 720p photographs
    python benchmarks/service.py --storm 10000      # one request in five malformed, hostile or cut off half-way
    python benchmarks/service.py --rembg u2net      # the same load on rembg's own server, where it is installed

The service runs in a process of its own; this one drives it over connections that are kept, and takes a few per cent of
a core. Both share the machine's cores. With `--storm` each request has a connection of its own.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import io
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from sinet.evaluation.picture import synthetic_portrait
from sinet.media.image import load_image
from sinet.media.sinks import encode_image
from sinet.pipeline.background import Blurred
from sinet.pipeline.cut import CutOptions, cut
from sinet.pipeline.segmenter import Segmenter
from sinet.serve.settings import available_cores

HD = (720, 1280)
BOUNDARY = "x-sinet-benchmark"
PATIENCE_S = 60.0


@dataclass
class Tally:
    """What came back: how often which status, and how long it took."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def percentile_ms(self, percent: float) -> float:
        return 1e3 * float(np.percentile(self.seconds, percent)) if self.seconds else float("nan")


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server in its own process, ended by SIGTERM."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    os.set_blocking(process.stderr.fileno(), False)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None:
                sys.exit(f"the server ended: {process.stderr.read()}")
            time.sleep(0.1)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        print(f"server's exit status: {process.wait(90)}")
        said = (process.stderr.read() or b"").decode(errors="replace").splitlines()
        print("\n".join(said[1:40]), end="\n" if said[1:] else "")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(address: str, body: bytes, kind: str, headers: str = "") -> bytes:
    head = f"POST {address} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{headers}\r\n".encode() + body


def form(name: str, picture: bytes, **fields: str) -> tuple[bytes, str]:
    rows = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    head = "".join(rows) + f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a.jpg"\r\n\r\n'
    return head.encode() + picture + f"\r\n--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and the body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return int(head[9:12]), await reader.readexactly(int(length[1]) if length else 0)


async def drive(port: int, message: bytes, connections: int, seconds: float) -> tuple[Tally, float]:
    """Send the same request over and over, on connections that are kept."""
    tally, end = Tally(), time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        while (begun := time.perf_counter()) < end:
            writer.write(message)
            status, _ = await answer(reader)
            tally.statuses[str(status)] += 1
            tally.seconds.append(time.perf_counter() - begun)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    return tally, len(tally.seconds) / (time.perf_counter() - begun)


async def ask(port: int, address: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    _, body = await answer(reader)
    writer.close()
    return body


async def metric(port: int, name: str) -> float:
    return float(re.search(rf"^{name} (\S+)$".encode(), await ask(port, "/metrics"), re.MULTILINE)[1])


async def megabytes(port: int) -> float:
    return await metric(port, "process_resident_memory_bytes") / 1e6


def as_jpeg(picture: np.ndarray) -> bytes:
    made = io.BytesIO()
    Image.fromarray(picture).save(made, "JPEG", quality=90)
    return made.getvalue()


def png(width: int, height: int) -> bytes:
    """A PNG that says it is of this size and holds a few bytes."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(1000)))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in [*chunks, (b"IEND", b"")]
    )


@dataclass(frozen=True)
class Hostile:
    """One way to be a nuisance: what is sent, and whether the connection is broken off after it."""

    name: str
    message: Callable[[random.Random, bytes], bytes]
    cut_off: bool = False


def _cut(rng: random.Random, picture: bytes) -> bytes:
    whole = request("/v1/cut", *form("image", picture))
    return whole[: rng.randrange(1, len(whole))]


def _damaged(rng: random.Random, picture: bytes) -> bytes:
    spoiled = bytearray(picture)
    for _ in range(30):
        spoiled[rng.randrange(20, len(spoiled))] = rng.randrange(256)
    return request("/v1/cut?out=mask", bytes(spoiled), "image/jpeg")


HOSTILE = (
    Hostile("random bytes as a picture", lambda r, _: request("/v1/cut", r.randbytes(5000), "image/png")),
    Hostile("random bytes as HTTP", lambda r, _: r.randbytes(300) + b"\r\n\r\n"),
    Hostile("cut off half-way", _cut, cut_off=True),
    Hostile("damaged picture", _damaged),
    Hostile("half a picture", lambda r, p: request("/v1/cut", p[: len(p) // 2], "image/jpeg")),
    Hostile("pixel bomb", lambda r, _: request("/v1/cut", png(100_000, 100_000), "image/png")),
    Hostile("small pixel bomb", lambda r, _: request("/v1/cut", png(4999, 4999), "image/png")),
    Hostile(
        "huge length", lambda r, _: b"POST /v1/cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    ),
    Hostile("wrong form", lambda r, p: request("/v1/cut", p[:2000], f"multipart/form-data; boundary={BOUNDARY}")),
    Hostile("no boundary", lambda r, p: request("/v1/cut", p[:2000], "multipart/form-data")),
    Hostile("path traversal", lambda r, _: b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    Hostile(
        "encoded traversal", lambda r, _: b"GET /%2e%2e/%2e%2e/etc/passwd%00.html HTTP/1.1\r\nHost: localhost\r\n\r\n"
    ),
    Hostile("a file as background", lambda r, p: request("/v1/cut?background=/etc/passwd", p, "image/jpeg")),
    Hostile("a file as model", lambda r, p: request("/v1/cut?model=../../etc/passwd", p, "image/jpeg")),
    Hostile("absurd blur", lambda r, p: request(f"/v1/cut?background=blur:{'9' * 400}", p, "image/jpeg")),
    Hostile("absurd colour", lambda r, p: request("/v1/cut?background=rgb(99999999999,0,0)", p, "image/jpeg")),
    Hostile("no number", lambda r, p: request("/api/remove?af=1e999", *form("file", p))),
    Hostile("header injection", lambda r, p: request("/v1/cut?model=a%0d%0aX-Evil:%201", p, "image/jpeg")),
    Hostile("deep JSON", lambda r, _: request("/v1.0/removebg", b"[" * 100_000, "application/json")),
    Hostile("no base64", lambda r, _: request("/v1.0/removebg", b'{"image_file_b64": "%"}', "application/json")),
    Hostile(
        "an address to fetch",
        lambda r, _: request("/v1.0/removebg", b'{"image_url": "http://127.0.0.1/"}', "application/json"),
    ),
    Hostile("foreign host", lambda r, _: b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    Hostile("endless head", lambda r, _: b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000),
    Hostile(
        "two lengths", lambda r, _: b"POST /v1/cut HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"
    ),
)


async def storm(port: int, picture: bytes, count: int, connections: int) -> None:
    """Good requests of three kinds, and every fifth a nuisance; each on its own connection."""
    rng = random.Random(0)
    good = [
        request("/v1/cut?out=mask", picture, "image/jpeg"),
        request("/v1/cut?background=blur", picture, "image/jpeg"),
        request("/api/remove", *form("file", picture)),
    ]
    tally, bad, memory = Tally(), Counter[tuple[str, str]](), []
    left = iter(range(count))

    async def once(index: int) -> None:
        hostile = rng.choice(HOSTILE) if index % 5 == 0 else None
        message = hostile.message(rng, picture) if hostile else rng.choice(good)
        begun = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        try:
            writer.write(message)
            if hostile and hostile.cut_off:
                await writer.drain()
                status = "cut off"
            else:
                status = str((await asyncio.wait_for(answer(reader), PATIENCE_S))[0])
        except (ConnectionError, asyncio.IncompleteReadError):
            status = "closed"
        except TimeoutError:
            status = "no answer"
        finally:
            writer.close()
        tally.statuses[status] += 1
        if hostile is None:
            tally.seconds.append(time.perf_counter() - begun)
        else:
            bad[hostile.name, status] += 1
        if index % max(1, count // 10) == count // 10 - 1:
            memory.append(await megabytes(port))

    async def client() -> None:
        for index in left:
            await once(index)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    spent = time.perf_counter() - begun
    print(f"{count} requests in {spent:.0f} s; by status: {dict(sorted(tally.statuses.items()))}")
    for name in dict.fromkeys(name for name, _ in bad):
        print(f"  {name:<28} { {status: n for (other, status), n in sorted(bad.items()) if other == name} }")
    print(f"good requests: p50 {tally.percentile_ms(50):.0f} ms, p99 {tally.percentile_ms(99):.0f} ms")
    print(f"resident memory, MB, at each tenth: {[round(value) for value in memory]}")
    print(f"growth from the first tenth to the last: {memory[-1] - memory[0]:+.1f} MB")
    await asyncio.sleep(1)
    held = [await metric(port, f"sinet_{name}") for name in ("open_bodies", "held_bytes", "working", "queue_length")]
    print(f"left behind (open bodies, held bytes, working, waiting): {held}")


def cpu_seconds(pid: int) -> float:
    """What a process has computed so far; not what it waited for others."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ceiling(picture: bytes, options: CutOptions, suffix: str, threads: int, seconds: float) -> float:
    """Pictures a second that as many threads make without any service around them."""
    segmenter, end, counts = Segmenter(), time.perf_counter() + seconds, [0] * threads

    def work(number: int) -> None:
        while time.perf_counter() < end:
            encode_image(cut(load_image(picture), segmenter, options).pixels, suffix)
            counts[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / seconds


async def load(pid: int, port: int, rows: dict[str, bytes], connections: int, seconds: float, measured: bool) -> None:
    """Masks and blurred JPEGs, one after the other."""
    for name, message in rows.items():
        await drive(port, message, connections, min(2.0, seconds))
        before = await megabytes(port) if measured else float("nan")
        computed = cpu_seconds(pid)
        tally, rate = await drive(port, message, connections, seconds)
        computed = (cpu_seconds(pid) - computed) / len(tally.seconds)
        after = await megabytes(port) if measured else float("nan")
        print(
            f"{name:<14} {rate:6.1f}/s   p50 {tally.percentile_ms(50):5.1f} ms   "
            f"p99 {tally.percentile_ms(99):5.1f} ms   CPU {1e3 * computed:5.1f} ms each   "
            f"{dict(tally.statuses)}   {before:.0f} -> {after:.0f} MB"
        )
    if measured:
        text = (await ask(port, "/metrics")).decode()
        for stage in ("queue", "decode", "cut", "encode"):
            total, count = (
                float(re.search(rf'sinet_stage_seconds_{what}{{stage="{stage}"}} (\S+)', text)[1])
                for what in ("sum", "count")
            )
            print(f"  {stage:<8} {1e3 * total / count:6.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, help="a photograph; else a drawn one of 1280x720")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--storm", type=int, metavar="N", help="so many requests, one in five a nuisance")
    parser.add_argument("--rembg", metavar="MODEL", help="drive rembg's own server instead, with this of its networks")
    asked = parser.parse_args()
    picture = asked.picture.read_bytes() if asked.picture else as_jpeg(synthetic_portrait(HD))
    port = free_port()
    if asked.rembg:
        if importlib.util.find_spec("rembg") is None:
            print("rembg is not installed here, so its server is not measured")
            return
        rembg = Path(sys.executable).with_name("rembg")
        command = [str(rembg), "s", "--no-ui", "--host", "127.0.0.1", "--port", str(port)]
        rows = {"masks": request("/api/remove", *form("file", picture, om="true", model=asked.rembg))}
    else:
        command = [sys.executable, "-m", "sinet", "serve", "--port", str(port), "--no-page"]
        command += ["--workers", str(asked.workers)] if asked.workers else []
        rows = {
            "masks": request("/v1/cut?out=mask", picture, "image/jpeg"),
            "blurred JPEGs": request("/v1/cut?out=composite&background=blur", picture, "image/jpeg"),
        }
    workers = asked.workers or available_cores()
    print(json.dumps({"picture_bytes": len(picture), "workers": workers, "connections": asked.connections}))
    if not (asked.storm or asked.rembg):
        masks, blurred = CutOptions(only_mask=True), CutOptions(background=Blurred())
        for name, options, suffix in (("masks", masks, ".png"), ("blurred JPEGs", blurred, ".jpg")):
            rate = ceiling(picture, options, suffix, workers, min(3.0, asked.seconds))
            print(f"{name:<14} {rate:6.1f}/s   in as many threads, without a service")
    with running(command, port) as process:
        if asked.storm:
            asyncio.run(storm(port, picture, asked.storm, asked.connections))
        else:
            asyncio.run(load(process.pid, port, rows, asked.connections, asked.seconds, not asked.rembg))


if __name__ == "__main__":
    main()
