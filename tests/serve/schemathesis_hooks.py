"""What schemathesis must know to ask good questions: a picture is no string of any bytes.

Loaded by schemathesis itself, in whatever environment it is installed; SINET_PICTURES is a folder of pictures.
"""

import os
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

PICTURES = {path.name: path.read_bytes() for path in sorted(Path(os.environ["SINET_PICTURES"]).iterdir())}
MEDIA_TYPES = {"a.jpg": "image/jpeg", "a.png": "image/png", "a.webp": "image/webp"}

schemathesis.openapi.format("binary", st.sampled_from(list(PICTURES.values())))
for name, media_type in MEDIA_TYPES.items():
    schemathesis.openapi.media_type(media_type, st.just(PICTURES[name]))
schemathesis.openapi.media_type("application/octet-stream", st.sampled_from(list(PICTURES.values())))
