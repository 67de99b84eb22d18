"""The report as HTML pages that work from a disk, without server or network."""
