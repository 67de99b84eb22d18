"""What to process in a folder, and where the results go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedetect.archive.opening import open_storages
from facedetect.archive.plan import Plan, Skipped, SourceFile, UnreadableFolder
from facedetect.archive.storage import LocalStorage, StorageEntry, is_within
from facedetect.errors import InvalidSettings
from tests.conftest import examples


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def items(folder: Path, *, follow_links: bool = False, videos: bool = True) -> dict[str, str]:
    """Each item's name and its result's."""
    plan = Plan(LocalStorage(folder, follow_links=follow_links), videos=videos)
    return {item.name: item.result for item in plan.source_files()}


def test_the_plan_mirrors_the_tree_in_the_order_of_the_paths(source: Path) -> None:
    names = ["b.jpg", "deep/er/a.JPG", "deep/text.jpg", "half.png"]
    assert items(source) == {name: name for name in names}
    assert list(items(source)) == names
    others = [step.name for step in Plan(LocalStorage(source)).walk() if isinstance(step, Skipped)]
    assert others == ["notes.txt"]


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "mpo", "pjpeg", "JFIF"])
def test_other_suffixes_of_jpeg_stay(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, f"a.{suffix}")
    assert items(tmp_path) == {f"a.{suffix}": f"a.{suffix}"}


@pytest.mark.parametrize("suffix", ["HIF", "heics", "apng", "jp2", "j2k", "jxl"])
def test_suffixes_of_pictures_that_are_not_written(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, f"a.{suffix}")
    assert items(tmp_path) == {f"a.{suffix}": f"a.{suffix}.png"}


@pytest.mark.parametrize("suffix", ["ts", "m2t", "mod", "tod", "mpe", "3gpp", "MTS"])
def test_suffixes_of_what_camcorders_record(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, f"a.{suffix}")
    assert items(tmp_path) == {f"a.{suffix}": f"a.{suffix}.mp4"}


def test_a_folder_sorts_as_its_files_paths_do(tmp_path: Path) -> None:
    names = ["a!.jpg", "a.jpg", "a/x.jpg", "a0.jpg", "a b/x.jpg"]
    found = list(items(touch(tmp_path, *names)))
    assert found == sorted(names)
    assert found.index("a.jpg") < found.index("a/x.jpg") < found.index("a0.jpg")


def test_what_cannot_be_written_gets_a_suffix_that_no_other_file_has(tmp_path: Path) -> None:
    touch(tmp_path, "a.gif", "a.gif.png", "b.jxl", "c.HEIC", "clip.AVI", "clip.mov", "._a.jpg")
    (tmp_path / "b.jxl.png").mkdir()
    assert items(tmp_path) == {
        "a.gif": "a.gif.png.png",
        "a.gif.png": "a.gif.png",
        "b.jxl": "b.jxl.png.png",
        "c.HEIC": "c.HEIC.png",
        "clip.AVI": "clip.AVI.mp4",
        "clip.mov": "clip.mov",
    }
    assert "clip.mov" not in items(tmp_path, videos=False)


def test_a_store_may_have_a_file_and_a_folder_of_one_name() -> None:
    class Store(LocalStorage):
        def entries(self, folder: str) -> list[StorageEntry]:
            inside = [StorageEntry("b.jpg", is_folder=False)]
            both = [StorageEntry("a.jpg", is_folder=is_folder) for is_folder in (True, False)]
            return inside if folder else both

    steps = list(Plan(Store(Path())).walk())
    assert [step.name for step in steps] == ["a.jpg", "a.jpg/b.jpg"]


NAMES = st.lists(
    st.from_regex(r"[ab](\.(gif|png|jpg|avi|mp4))*\.(gif|png|avi|mp4)", fullmatch=True), unique=True
)


@examples(0.3)
@given(NAMES)
def test_no_two_files_have_one_result(names: list[str]) -> None:
    class OneFolder(LocalStorage):
        def entries(self, _folder: str) -> list[StorageEntry]:
            return [StorageEntry(name, is_folder=False) for name in names]

    results = [item.result for item in Plan(OneFolder(Path())).source_files()]
    assert len(set(results)) == len(names)


def test_our_own_folders_are_neither_looked_at_nor_written_over(tmp_path: Path) -> None:
    touch(tmp_path, "crops/a.jpg", "crops_/a.jpg", "crops.jpg", "x/crops/a.jpg")
    touch(
        tmp_path,
        "report.csv/a.jpg",
        "contact-sheet/a.jpg",
        ".facedetect/a.jpg",
        "x/.facedetect/a.jpg",
    )
    assert items(tmp_path) == {
        "contact-sheet/a.jpg": "contact-sheet_/a.jpg",
        "crops.jpg": "crops.jpg",
        "crops/a.jpg": "crops_/a.jpg",
        "crops_/a.jpg": "crops__/a.jpg",
        "report.csv/a.jpg": "report.csv_/a.jpg",
        "x/crops/a.jpg": "x/crops/a.jpg",
    }


def test_names_need_not_be_utf_8(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).touch()
    (name,) = items(tmp_path)
    assert os.fsencode(name) == b"caf\xe9.jpg"


def test_folders_may_lie_deeper_than_python_calls() -> None:
    class Deep(LocalStorage):
        def entries(self, folder: str) -> list[StorageEntry]:
            is_deepest = folder.count("/") == 5000
            return [StorageEntry("a.jpg" if is_deepest else "d", is_folder=not is_deepest)]

    (item,) = Plan(Deep(Path())).source_files()
    assert item.name == "d/" * 5001 + "a.jpg"


def test_links_to_folders_are_entered_if_asked_for_and_never_in_circles(tmp_path: Path) -> None:
    touch(tmp_path, "in/year/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "year" / "up").symlink_to("..")
    (tmp_path / "elsewhere" / "round").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "root").symlink_to("/")
    assert list(items(tmp_path / "in")) == ["year/a.jpg"]
    followed = items(tmp_path / "in", follow_links=True)
    assert list(followed) == ["more/b.jpg", "year/a.jpg"]


def test_a_folder_that_cannot_be_listed_is_a_step(source: Path) -> None:
    class Closed(LocalStorage):
        def entries(self, folder: str) -> list[StorageEntry]:
            if folder == "deep":
                raise PermissionError(13, "Permission denied")
            return super().entries(folder)

    steps = list(Plan(Closed(source)).walk())
    assert [step.name for step in steps] == ["b.jpg", "deep/", "half.png", "notes.txt"]
    assert isinstance(steps[1], UnreadableFolder)


def test_the_change_key_holds_what_makes_a_file_new(tmp_path: Path) -> None:
    def change_key() -> str:
        files = {file.name: file for file in Plan(LocalStorage(tmp_path)).source_files()}
        return files["a.gif"].change_key

    touch(tmp_path, "a.gif")
    keys = {change_key()}
    os.utime(tmp_path / "a.gif", (0, 0))
    keys.add(change_key())
    (tmp_path / "a.gif").write_text("longer")
    os.utime(tmp_path / "a.gif", (0, 0))
    keys.add(change_key())
    touch(tmp_path, "a.gif.png")
    keys.add(change_key())
    assert len(keys) == 4
    assert isinstance(next(Plan(LocalStorage(tmp_path)).source_files()), SourceFile)


def test_results_inside_the_sources_are_left_out(source: Path) -> None:
    touch(source, "deep/out/old.jpg")
    (source / "link.jpg").symlink_to(source / "deep/out/old.jpg")
    (source / "deep" / "out" / ".facedetect").mkdir()
    pictures, _ = open_storages(str(source), str(source / "deep" / "out"), follow_links=False)
    names = [item.name for item in Plan(pictures).source_files()]
    assert names == ["b.jpg", "deep/er/a.JPG", "deep/text.jpg", "half.png"]


def test_folders_that_cannot_be_right_are_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="cannot be listed: No such file"):
        Plan(LocalStorage(tmp_path / "missing")).check()
    with pytest.raises(InvalidSettings, match="cannot be listed: Not a directory"):
        Plan(LocalStorage(source / "b.jpg")).check()
    for inner, outer in ((source, source.parent / "in" / "deep" / ".."), (source / "deep", source)):
        with pytest.raises(InvalidSettings, match="could overwrite the sources"):
            open_storages(str(inner), str(outer), follow_links=False)
    with pytest.raises(InvalidSettings, match="is a file"):
        open_storages(str(source), str(source / "b.jpg"), follow_links=False)
    with pytest.raises(InvalidSettings, match="the output folder is"):
        open_storages(str(source), "", follow_links=False)
    with pytest.raises(InvalidSettings, match="write file:///FOLDER"):
        open_storages(str(source), "file://localhost/out", follow_links=False)
    with pytest.raises(InvalidSettings, match="outside of it"):
        open_storages("memory://a/in", "memory://a/in/out", follow_links=False)


def test_results_go_where_nothing_but_results_is(source: Path, tmp_path: Path) -> None:
    others = touch(tmp_path / "others", "a.jpg")
    for folder in (others, source / "deep"):
        with pytest.raises(InvalidSettings, match="contains files that are not results"):
            open_storages(str(source), str(folder), follow_links=False)
    (others / "a.jpg").unlink()
    open_storages(str(source), str(others), follow_links=False)
    touch(others, ".facedetect/journal.sqlite", "a.jpg")
    open_storages(str(source), str(others), follow_links=False)


def test_what_is_remembered_is_not_behind_a_link(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".facedetect").symlink_to(source)
    with pytest.raises(InvalidSettings, match="is a link"):
        open_storages(str(source), str(tmp_path / "out"), follow_links=False)


def test_a_folder_is_known_by_any_of_its_names(source: Path, tmp_path: Path) -> None:
    (tmp_path / "other name").symlink_to(source)
    with pytest.raises(InvalidSettings, match="could overwrite the sources"):
        open_storages(str(source), str(tmp_path / "other name"), follow_links=False)
    assert is_within(source / "deep" / "er", tmp_path / "other name" / "deep")
    assert is_within(source / "deep" / "missing", source)
    assert not is_within(tmp_path, source)
