"""The kernels of unavailable CPUs, emulated."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import skip_or_fail
from tests.engine.kernels import compile_kernels, flags_of_sets, missing_program, run_kernels

_SIMDE = Path("/usr/include/simde/x86/avx512.h")
_ARM_COMPILER, _ARM_EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"


def test_intel_kernels_by_portable_intrinsics(tmp_path: Path) -> None:
    """AVX-512 VNNI and AVX-VNNI as plain loops."""
    if not _SIMDE.exists():
        skip_or_fail("emulators", "SIMDe is missing: Debian's libsimde-dev")
    emulated = Path(__file__).parents[1] / "engine/emulated"
    options = (f"-I{emulated}", "-DFACEDETECT_EMULATED", "-D__AVXVNNI__", "-w")
    sets: dict[str, list[str]] = {"avx512vnni": [], "avxvnni": [], "avx2": []}
    program = compile_kernels(tmp_path, sets, options=options, dispatches=False)
    assert run_kernels(program) == ["avx512-vnni", "avx-vnni", "avx2"]


def test_arm_kernels_under_an_emulator(tmp_path: Path) -> None:
    missing = missing_program(_ARM_COMPILER, _ARM_EMULATOR)
    if missing:
        skip_or_fail(
            "emulators", f"{missing} is missing: Debian's g++-aarch64-linux-gnu and qemu-user"
        )
    sets = {name: flags for name, flags in flags_of_sets().items() if name.startswith("neon")}
    program = compile_kernels(tmp_path, sets, compiler=_ARM_COMPILER, options=("-static",))
    assert run_kernels(program, _ARM_EMULATOR, "-cpu", "max") == ["neon-dot", "neon", "plain"]
    without_dot = run_kernels(program, _ARM_EMULATOR, "-cpu", "cortex-a53")
    assert without_dot == ["neon", "plain"]
