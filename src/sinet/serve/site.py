"""The page's files: what stands in `page`, the engine in WebAssembly, and a network as the page loads it."""

import hashlib
import json
import struct
import zlib
from pathlib import Path

import numpy as np

from sinet.core.errors import EngineError, ModelError, OutputError
from sinet.media.sinks import save_bytes
from sinet.runtime.catalog import catalog, find_model

PAGE = Path(__file__).with_name("page")
ENGINES = ("sinet/sinet.wasm", "sinet/sinet-relaxed.wasm")
NETWORK = "sinet/portrait.packed"
LISTED = "files.js"
UNUSED = ("sinet/package.json", "sinet/README.md", "sinet/index.d.mts", "sinet/classes.mjs")
"""What belongs to the module and is not loaded by the page."""
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)
"""What the page may do, for hosts that send no such header: it takes this text's place wherever a file names it."""
_POLICY_NAME = b"%POLICY%"


def site_files(model: str | Path | None = None) -> dict[str, bytes]:
    """Every file of the page by its path in the site.

    Args:
        model: the network that the page shall run, as for `Segmenter`; the catalogue's default if None.

    Raises:
        ModelError: no such model, or none that the page's engine runs.
        EngineError: the engine has not been compiled to WebAssembly.
    """
    files = {path.relative_to(PAGE).as_posix(): path.read_bytes() for path in PAGE.rglob("*") if path.is_file()}
    if missing := [name for name in ENGINES if name not in files]:
        raise EngineError(
            f"{PAGE / missing[0]}: the page's engine is missing; in a checkout run: make engine; "
            "else: pip install --force-reinstall sinet"
        )
    found = find_model(catalog().default if model is None else model)
    if found.spec.network is None or found.path.suffix != ".safetensors":
        raise ModelError(f"{found.path}: the page runs networks of the SINet family alone; give an artefact of one")
    if found.spec.output.classes or found.spec.network.output_stride != 1:
        raise ModelError(
            f"{found.path}: the page runs networks that tell a person from the background at their input's own size; "
            "give the artefact of such a one"
        )
    for name in files:
        if name.endswith(".html"):
            files[name] = files[name].replace(_POLICY_NAME, POLICY.encode())
    files[NETWORK] = packed(found.path.read_bytes())
    files[LISTED] = _listed(files)
    return dict(sorted(files.items()))


def _listed(files: dict[str, bytes]) -> bytes:
    """What the service worker keeps, so that the page works without a network; another version for other files."""
    version = hashlib.sha256(b"".join(name.encode() + b"\0" + files[name] for name in sorted(files))).hexdigest()[:12]
    kept = ["./", *sorted(name for name in files if name not in ("sw.js", "index.html", *UNUSED))]
    return f"const VERSION = {json.dumps(version)};\nconst FILES = {json.dumps(kept)};\n".encode()


def write_site(files: dict[str, bytes], folder: Path, *, overwrite: bool = False) -> None:
    """Write the page's files; each stands there whole or not at all.

    Args:
        files: as `site_files` gives them.
        folder: made if it is not there.
        overwrite: replace what is there already.

    Raises:
        OutputError: a file is there already, or cannot be written.
    """
    there = [name for name in files if (folder / name).exists()]
    if there and not overwrite:
        raise OutputError(f"{folder / there[0]}: is there already; add --overwrite, or name another folder")
    for name, content in files.items():
        save_bytes(content, folder / name)


def packed(artefact: bytes) -> bytes:
    """An artefact made small for the way: its header, then the first byte of every weight, the second ..., deflated.

    Weights of few significant bits, as the packaged network has them, leave two of those four planes empty.
    """
    start = 8 + struct.unpack("<Q", artefact[:8])[0]
    planes = np.frombuffer(artefact, np.uint8, offset=start).reshape(-1, 4).T
    # "Filtered" asks for fewer short matches: bytes of weights hold none that are worth more than their own codes.
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_FILTERED)
    return packer.compress(artefact[:start] + planes.tobytes()) + packer.flush()
