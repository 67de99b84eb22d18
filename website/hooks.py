"""MkDocs' hooks: pages from beside docs/, links within the repository, diagrams as pictures."""

from __future__ import annotations

import hashlib
import posixpath
import re
from pathlib import Path
from typing import Any

import mmdr
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from pymdownx.slugs import slugify

ROOT = Path(__file__).parents[1]
GENERATED = ROOT / "build" / "website"
HELPER_ELSEWHERE = "https://unpkg.com/iframe-worker/shim"
MARGIN = 20  # px
FILES_ON_THE_FORGE = "https://github.com/facedetect/facedetect/blob/main/"

# Pages that lie beside docs/, by their names on the site.
BESIDE = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
    "models/README.md": "weights.md",
    "README.md": "index.md",
}
PLACES = {uri: path for path, uri in BESIDE.items() if path != "README.md"}

_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)(?=[)#])")
_VIEW = re.compile(r'viewBox="([^"]*)"')
_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def on_config(config: Any) -> None:
    """Name headings as the forge does, so that links to them work in both places."""
    config.mdx_configs["toc"]["slugify"] = slugify(case="lower")


def on_files(files: Files, config: Any) -> Files:
    for uri, place in PLACES.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / place)))
    icon = ROOT / "facedetect/service/page/static/favicon.svg"
    files.append(File.generated(config, "images/favicon.svg", abs_src_path=str(icon)))
    for path in sorted((ROOT / "benchmarks/results").glob("*.svg")):
        uri = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    for path in sorted(GENERATED.rglob("*.md")):
        uri = path.relative_to(GENERATED).as_posix()
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    uri = page.file.src_uri
    markdown = _LINK.sub(lambda link: link_on_site(link[1], uri), markdown)
    return _DIAGRAM.sub(lambda diagram: drawn(diagram[1], uri, config, files), markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Take the search's helper from the site itself instead of from another host."""
    helper = posixpath.relpath("worker.js", posixpath.dirname(page.file.dest_uri) or ".")
    return output.replace(HELPER_ELSEWHERE, helper)


def on_post_template(output: str, config: Any, **_: Any) -> str:
    """The same for the page of errors, which may be shown at any address."""
    return output.replace(HELPER_ELSEWHERE, f"{config.site_url}worker.js")


def link_on_site(target: str, uri: str) -> str:
    """What a link of the page `uri` to a file of the repository is on the site."""
    place = PLACES.get(uri, f"docs/{uri}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
    if path in BESIDE:
        found = BESIDE[path]
    elif path.startswith("docs/"):
        found = path.removeprefix("docs/")
    elif path.startswith("benchmarks/results/") and path.endswith(".svg"):
        found = path
    elif (ROOT / path).exists():
        return FILES_ON_THE_FORGE + path
    else:
        raise PluginError(f"{place} links to {target}, but there is no {path}")
    return posixpath.relpath(found, posixpath.dirname(uri) or ".")


def with_margin(view: re.Match[str]) -> str:
    """Widen the view: titles may be wider than what they stand above."""
    left, top, width, height = map(float, view[1].split())
    return f'viewBox="{left - MARGIN} {top} {width + 2 * MARGIN} {height}"'


def drawn(diagram: str, uri: str, config: Any, files: Files) -> str:
    """Draw a diagram downwards, since pages are higher than wide; return the picture's Markdown."""
    svg = mmdr.render(diagram.replace("flowchart LR", "flowchart TB")).svg()
    svg = _VIEW.sub(with_margin, svg, count=1)
    name = f"images/diagram-{hashlib.sha256(svg.encode()).hexdigest()[:8]}.svg"
    files.append(File.generated(config, name, content=svg))
    return f"![Diagram]({posixpath.relpath(name, posixpath.dirname(uri) or '.')}){{ .diagram }}"
