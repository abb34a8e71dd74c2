"""What a shared library says of itself, read from its bytes: ELF, Mach-O and PE, 64 bits, little-endian."""

import struct
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Binary:
    """A shared library.

    Attributes:
        kind: the file format and the processor.
        exports: names that others may call.
        imports: names that others must define.
        libraries: files that must be loaded with it.
        writable_code: whether memory is asked for that can be both written and executed, the stack among it.
    """

    kind: str
    exports: frozenset[str]
    imports: frozenset[str]
    libraries: tuple[str, ...]
    writable_code: bool


def read_binary(path: Path) -> Binary:
    content = path.read_bytes()
    for magic, reader in {b"\x7fELF\x02\x01": _elf, b"\xcf\xfa\xed\xfe": _macho, b"MZ": _pe}.items():
        if content.startswith(magic):
            return reader(content)
    raise ValueError(f"{path}: begins with {content[:4]!r}, which is no format known here")


def _text(content: bytes, at: int) -> str:
    return content[at : content.index(b"\0", at)].decode()


def _elf(content: bytes) -> Binary:
    machine = {62: "x86_64", 183: "arm64"}[struct.unpack_from("<H", content, 18)[0]]
    (sections_at,) = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    # name, type, flags, address, offset, size, link, info, alignment, entry size
    sections = [struct.unpack_from("<IIQQQQIIQQ", content, sections_at + i * size) for i in range(count)]
    exports, imports, libraries = set(), set(), []
    for _, kind, _, _, offset, length, link, _, _, entry in sections:
        names = sections[link][4] if link else 0
        if kind == 11:  # dynamic symbols; the first is empty
            for at in range(offset + entry, offset + length, entry):
                name, _, _, section = struct.unpack_from("<IBBH", content, at)
                (exports if section else imports).add(_text(content, names + name))
        if kind == 6:  # dynamic: tag, value
            rows = [struct.unpack_from("<QQ", content, at) for at in range(offset, offset + length, 16)]
            libraries += [_text(content, names + value) for tag, value in rows if tag == 1]
    (headers_at,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    flags = [struct.unpack_from("<II", content, headers_at + i * size) for i in range(count)]
    writable = any(flag & 3 == 3 for kind, flag in flags if kind in (1, 0x6474E551))  # loaded segments, the stack
    return Binary(f"ELF {machine}", frozenset(exports), frozenset(imports), tuple(libraries), writable)


def _macho(content: bytes) -> Binary:
    machine = {0x01000007: "x86_64", 0x0100000C: "arm64"}[struct.unpack_from("<I", content, 4)[0]]
    (count,) = struct.unpack_from("<I", content, 16)
    exports, imports, libraries, signed, writable, at = set(), set(), [], False, False, 32
    for _ in range(count):
        command, size = struct.unpack_from("<II", content, at)
        if command == 0x2:  # symbols: their place, their number, the place of their names
            symbols, number, names = struct.unpack_from("<III", content, at + 8)
            for i in range(number):
                name, kind, _, _, _ = struct.unpack_from("<IBBHQ", content, symbols + 16 * i)
                if kind & 0xE1 == 1:  # external, not for debugging
                    (exports if kind & 0xE else imports).add(_text(content, names + name).removeprefix("_"))
        if command == 0xC:
            libraries.append(_text(content, at + struct.unpack_from("<I", content, at + 8)[0]))
        if command == 0x19:  # a segment, whose greatest protection must not be both
            writable |= struct.unpack_from("<I", content, at + 60)[0] & 6 == 6
        signed |= command == 0x1D
        at += size
    kind = f"Mach-O {machine}{' signed' if signed else ''}"
    return Binary(kind, frozenset(exports), frozenset(imports), tuple(libraries), writable)


def _pe(content: bytes) -> Binary:
    (start,) = struct.unpack_from("<I", content, 60)
    machine, count = struct.unpack_from("<HH", content, start + 4)
    (optional_size,) = struct.unpack_from("<H", content, start + 20)
    optional = start + 24
    assert struct.unpack_from("<H", content, optional)[0] == 0x20B, "not of 64 bits"
    tables = optional + optional_size
    # virtual size, virtual address, size in the file, place in the file, ..., flags
    sections = [struct.unpack_from("<IIII", content, tables + 40 * i + 8) for i in range(count)]
    flags = [struct.unpack_from("<I", content, tables + 40 * i + 36)[0] for i in range(count)]

    def place(address: int) -> int:
        return next(at + address - first for size, first, _, at in sections if first <= address < first + size)

    (exports_at, _), (imports_at, _) = (struct.unpack_from("<II", content, optional + 112 + 8 * i) for i in range(2))
    exports: set[str] = set()
    if exports_at:
        number, _, names = struct.unpack_from("<III", content, place(exports_at) + 24)
        rows = struct.unpack_from(f"<{number}I", content, place(names))
        exports = {_text(content, place(row)) for row in rows}
    libraries = []
    at = place(imports_at) if imports_at else None
    while at is not None and (name := struct.unpack_from("<I", content, at + 12)[0]):
        libraries.append(_text(content, place(name)))
        at += 20
    writable = any(flag & 0xA0000000 == 0xA0000000 for flag in flags)
    kind = {0x8664: "PE x86_64"}[machine]
    return Binary(kind, frozenset(exports), frozenset(), tuple(libraries), writable)
