"""All kernels of this CPU's instruction sets match plain loops, in C++."""

from __future__ import annotations

import platform
from pathlib import Path

from facedetect.engine.engine import instruction_sets
from tests.engine.kernels import compile_kernels, flags_of_sets, run_kernels


def test_kernels_of_this_processor(tmp_path: Path) -> None:
    is_arm = platform.machine() in {"aarch64", "arm64"}
    sets = {
        name: flags for name, flags in flags_of_sets().items() if name.startswith("neon") == is_arm
    }
    assert len(sets) >= 2
    assert run_kernels(compile_kernels(tmp_path, sets)) == instruction_sets()
