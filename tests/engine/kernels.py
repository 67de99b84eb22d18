"""Compile and run kernels_test.cpp for any CPU."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NATIVE = ROOT / "facedetect/engine/native"
_TEST = Path(__file__).parent / "kernels_test.cpp"
_STANDARD = ["-std=c++20", "-O2", "-ffp-contract=off", f"-I{_NATIVE}"]


def flags_of_sets() -> dict[str, list[str]]:
    """Return the compiler flags of each instruction set in CMakeLists.txt."""
    text = (ROOT / "CMakeLists.txt").read_text("utf-8")
    found = re.findall(r"^ +add_kernels\((\w+) ?(.*)\)$", text, re.MULTILINE)
    return {name: flags.split() for name, flags in found}


def compile_kernels(
    folder: Path,
    sets: dict[str, list[str]],
    *,
    compiler: str | None = None,
    options: tuple[str, ...] = (),
    dispatches: bool = True,
) -> Path:
    """Compile the test with the kernels of `sets`, each with its flags; `options` are for all."""
    command = [compiler or os.environ.get("CXX", "g++"), *_STANDARD, *options]
    sources: dict[Path, list[str]] = {_TEST: []}
    if dispatches:
        sources |= {_NATIVE / "dispatch.cpp": [], _NATIVE / "kernels_plain.cpp": []}
    sources |= {_NATIVE / f"kernels_{name}.cpp": flags for name, flags in sets.items()}
    objects = []
    for source, flags in sources.items():
        objects.append(folder / f"{source.stem}.o")
        _run([*command, *flags, "-c", str(source), "-o", str(objects[-1])])
    program = folder / "kernels_test"
    _run([*command, *map(str, objects), "-o", str(program)])
    return program


def run_kernels(program: Path, *emulator: str) -> list[str]:
    """Run the test; return the sets that it tested. Fails if a kernel does."""
    lines = _run([*emulator, str(program)]).splitlines()
    assert lines[-1] == "0 failures", lines
    return [line.removesuffix(": tested") for line in lines[:-1]]


def missing_program(*names: str) -> str | None:
    """Return the first of the programs that is not on PATH."""
    return next((name for name in names if shutil.which(name) is None), None)


def _run(command: list[str]) -> str:
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
    return ended.stdout
