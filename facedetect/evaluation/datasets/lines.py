"""Labels as lines of text: a picture's name, how many faces it has, a line for each."""

from __future__ import annotations

from pathlib import Path

from facedetect.errors import InvalidDataset
from facedetect.evaluation.truth import FARTHEST


def read_text(path: Path) -> str:
    """The text of a file; raises InvalidDataset if it cannot be read."""
    try:
        return path.read_text("utf-8-sig")  # some editors begin a file with a mark
    except OSError as error:
        raise InvalidDataset(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidDataset(f"{path} is no text in UTF-8: {error}") from error


class Lines:
    """The lines of a file, taken one by one; each error tells which line is wrong."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = [line.strip() for line in read_text(path).rstrip().split("\n")]
        self._taken = 0

    @property
    def next(self) -> str | None:
        """The line to be taken next; None at the end."""
        return self._lines[self._taken] if self._taken < len(self._lines) else None

    def take(self) -> str:
        line = self.next
        if line is None:
            raise InvalidDataset(
                f"{self._path} ends after line {self._taken}, among the faces of a picture; "
                "fetch the file again"
            )
        self._taken += 1
        return line

    def take_count(self) -> int:
        """How many lines of faces follow."""
        line = self.take()
        if not line.isdecimal():
            raise self.wrong("how many faces the picture has")
        return int(line)

    def take_numbers(self, count: int, words: str) -> list[float]:
        """A line of so many numbers, described by `words`."""
        try:
            numbers = [float(word) for word in self.take().split()]
        except ValueError:
            numbers = []
        if len(numbers) != count or not all(abs(number) <= FARTHEST for number in numbers):
            raise self.wrong(f"{count} numbers: {words}")
        return numbers

    def wrong(self, expected: str) -> InvalidDataset:
        """The error for the line that was taken last."""
        line = self._lines[self._taken - 1]
        return InvalidDataset(
            f"{self._path}, line {self._taken} is {line!r}; it has to be {expected}"
        )
