"""The step of the package's own build that compiles the engine and puts it into the wheel.

A wheel is for one kind of machine and any Python 3: the library is called through ctypes. The page's engine, in
WebAssembly, is the same in every wheel. `SINET_TARGET` names another
machine than this one (a row of TARGETS in build.py).
"""

import importlib.util
import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_spec = importlib.util.spec_from_file_location("sinet_engine_build", Path(__file__).with_name("build.py"))
assert _spec is not None and _spec.loader is not None
engine = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(engine)


class EngineHook(BuildHookInterface[Any]):
    """Compile before a wheel is packed, ordinary or editable; a source distribution carries the sources."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """The compiler, where the system's is not named instead."""
        return [] if self.target_name != "wheel" or "SINET_CC" in os.environ else [engine.ZIGLANG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the library; an editable install finds it where it lies."""
        if self.target_name != "wheel":
            return
        name = os.environ.get("SINET_TARGET") or engine.host()
        fitting = [target for target, row in engine.TARGETS.items() if row.wheel]
        if name not in fitting:
            raise engine.BuildError(f"SINET_TARGET={name}: no wheel is made for it, only for {', '.join(fitting)}")
        # A compiler of the system's makes no WebAssembly: the page is then left without its engine, and says so.
        libraries = [engine.build(target) for target in (name, *(() if "SINET_CC" in os.environ else engine.WASM))]
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{engine.TARGETS[name].wheel}"
        if version == "standard":
            for library in libraries:
                folder = "native" if library is libraries[0] else "serve/page/sinet"
                build_data["force_include"][str(library)] = f"sinet/{folder}/{library.name}"
