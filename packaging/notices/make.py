#!/usr/bin/env python3
"""Makes assets/third-party.txt: whose work is in the program, and under which licences.

cargo-about finds the crates and the texts of their licences, without the network:

    cargo install cargo-about --version 0.9.3 --locked --features cli
    cargo fetch --locked
    packaging/notices/make.py

The same Cargo.lock gives the same bytes. `--json FILE` reads what cargo-about has found from a file.
"""

import argparse
import json
import re
import subprocess
import textwrap
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COLUMNS = 80

INTRO = """\
Caiman is Copyright 2026 The Caiman authors, under the MIT or the Apache-2.0 licence, as you like. It contains what others have made. \
This file says what, by whom and under which licences. It is made by packaging/notices/make.py, for the program on Linux, Windows and \
macOS with all its features, so a build may contain less. A crate that only helps to compile another one is named too."""

ASSETS = [
    (
        "The words of codes",
        """\
The EFF Short Wordlist 2.0, by the Electronic Frontier Foundation, 2016 ("EFF's New Wordlists for Random Passphrases", \
https://www.eff.org/deeplinks/2016/07/new-wordlists-random-passphrases), under the Creative Commons Attribution 3.0 United States licence, \
https://creativecommons.org/licenses/by/3.0/us/. One word is changed: "yo-yo" is "youngster".""",
        None,
    ),
    (
        "The words of croc's codes",
        """\
The EFF Short Wordlist 1, by the same authors, of the same year and under the same licence, unchanged.""",
        None,
    ),
    (
        "The text font: Inter 4.1",
        "https://github.com/rsms/inter. Changed: characters, hints and features are left out, and digits are equally wide.",
        "assets/fonts/Inter-OFL.txt",
    ),
    (
        "The font of codes: JetBrains Mono 2.242",
        "https://github.com/JetBrains/JetBrainsMono. Changed: characters, hints and features are left out.",
        "assets/fonts/JetBrainsMono-OFL.txt",
    ),
    (
        "The icons: Lucide",
        """\
From the crate lucide-icons, https://lucide.dev. Copyright (c) Lucide Contributors, under the ISC licence. Parts are Copyright (c) \
2013-present Cole Bemis, from Feather, under the MIT licence. Both texts stand below.""",
        None,
    ),
    (
        "Mozilla's list of root certificates",
        "From the crate webpki-roots, under CDLA-Permissive-2.0; the licence stands below.",
        None,
    ),
    (
        "The Rust standard library",
        "Copyright (c) The Rust Project Contributors, https://github.com/rust-lang/rust, MIT OR Apache-2.0. Both texts stand below.",
        None,
    ),
    (
        "musl, in the programs that are linked statically",
        "From https://musl.libc.org; its file COPYRIGHT names all contributors.",
        "packaging/notices/musl.txt",
    ),
    (
        "The runtime of MinGW-w64, in the programs for Windows",
        "From https://www.mingw-w64.org. The parts of GCC beside it are under the GPL with the GCC Runtime Library Exception.",
        "packaging/notices/mingw-w64.txt",
    ),
]

LICENCE_FILE = r"(licen[cs]e|copying|copyright)([-_.](?!apache).*)?"
NOTICE_FILE = r"notices?([-_.].*)?"

# Mozilla's licence wants to be told where the source is.
COPYLEFT = "MPL-2.0"


def found(path):
    """What cargo-about has found."""
    if path:
        return json.loads(Path(path).read_text())
    about = ["cargo", "about", "generate", "--frozen", "--all-features", "--fail", "--format", "json"]
    result = subprocess.run([*about, "--config", HERE / "about.toml"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return json.loads(result.stdout)


def plain(text):
    """The text with short lines, without what a text window can't show."""
    lines = []
    for line in text.replace("\ufeff", "").replace("\r", "").replace("\f", "").expandtabs(4).split("\n"):
        line = line.rstrip()
        indent = re.match(" *", line).group()[: COLUMNS // 2]
        lines += textwrap.wrap(
            line.strip(), COLUMNS, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
        ) or [""]
    return re.sub("\n{3,}", "\n\n", textwrap.dedent("\n".join(lines))).strip("\n")


def para(text, indent=""):
    return textwrap.fill(text, COLUMNS, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)


def headed(text, line):
    return f"{text}\n{line * len(text)}"


def named(crate):
    return f"{crate['name']} {crate['version']}"


def files_of(crate, pattern):
    """The texts of files at the top of a crate."""
    folder = Path(crate["manifest_path"]).parent
    files = sorted(file for file in folder.iterdir() if file.is_file() and re.fullmatch(pattern, file.name, re.I))
    return [file.read_text(errors="replace") for file in files]


def deeper_files_of(crate):
    """The licences of parts that a crate has taken from elsewhere, with their paths."""
    folder = Path(crate["manifest_path"]).parent
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        is_left_out = len(path.parts) == 1 or path.parts[0] in {".github", "assets", "tests"} or file.suffix in {".rs", ".yml"}
        if not is_left_out and file.is_file() and re.fullmatch(LICENCE_FILE, file.name, re.I):
            yield path.as_posix(), file.read_text(errors="replace")


def without_holder(text):
    """The text of a licence in general, without the line in which a holder would be named."""
    return "\n".join(line for line in text.split("\n") if not re.match(r"Copyright .*<", line))


class Texts:
    """Every text once, with the crates that it belongs to."""

    def __init__(self):
        self.texts = {}

    def add(self, kind, text, crate, holder=None):
        text = plain(text)
        words = re.sub(r"\s+", " ", text).lower()
        _, _, crates = self.texts.setdefault(words, (kind, text, {}))
        crates[named(crate)] = holder

    def sorted(self):
        # A licence by its name, then by the first crate that is under it.
        return sorted((kind, sorted(crates.items(), key=lambda crate: crate[0]), text) for kind, text, crates in self.texts.values())


def collect(notices):
    texts = Texts()
    terms = {named(entry["package"]): entry["license"] for entry in notices["crates"]}
    for licence in notices["licenses"]:
        for crate in (user["crate"] for user in licence["used_by"]):
            if crate["name"] == "caiman":
                continue
            if licence["source_path"]:
                texts.add(licence["id"], licence["text"], crate)
                continue
            # cargo-about knows no file for this licence. One may hold it together with another licence.
            own = files_of(crate, LICENCE_FILE)
            for text in own:
                texts.add(terms[named(crate)], text, crate)
            if not own:
                holder = ", ".join(re.sub(r" *<[^>]*>", "", author) for author in crate["authors"])
                texts.add(licence["id"], without_holder(licence["text"]), crate, holder or f"the authors of {crate['name']}")
    for entry in notices["crates"]:
        crate, parts = entry["package"], " AND " in entry["license"]
        # Of a crate in several parts, cargo-about may know the licence of one part only.
        for text in files_of(crate, LICENCE_FILE if parts else NOTICE_FILE):
            texts.add(entry["license"], text, crate)
        for path, text in deeper_files_of(crate):
            texts.add(f"Part of {crate['name']} ({path})", text, crate)
    return texts.sorted()


def written(notices):
    out = [headed("Notices", "="), para(INTRO), headed("Words, fonts, icons, certificates, libraries", "=")]
    for name, about, file in ASSETS:
        out += [headed(name, "-"), para(about)]
        if file:
            out.append(plain((ROOT / file).read_text()))
    out += [headed("Crates", "=")]
    choice = ", ".join(tomllib.loads((HERE / "about.toml").read_text())["accepted"])
    out.append(
        para(
            "Where a crate lets its users choose between licences, the first of this list is chosen for Caiman, and its text stands "
            f"below: {choice}."
        )
    )
    rows = []
    for entry in sorted(notices["crates"], key=lambda entry: (entry["package"]["name"], entry["package"]["version"])):
        crate = entry["package"]
        if crate["name"] == "caiman":
            continue
        rows.append(named(crate))
        rows.append(f"    {entry['license']}")
        page = f"https://crates.io/crates/{crate['name']}/{crate['version']}"
        rows.append(f"    {crate['repository'] or page}")
        if COPYLEFT in entry["license"]:
            rows.append(f"    its source, unchanged: {page}")
    out.append("\n".join(rows))
    out.append(headed("Licences of the crates", "="))
    for kind, crates, text in collect(notices):
        out.append("-" * COLUMNS)
        out.append(para(f"{kind}: {', '.join(name for name, _ in crates)}", ""))
        holders = [f"{name}: Copyright (c) {holder}" for name, holder in crates if holder]
        if holders:
            out.append("\n".join(para(line, "    ") for line in holders))
        out.append(text)
    return "\n\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", metavar="FILE", help="what cargo-about has found")
    notices = found(parser.parse_args().json)
    (ROOT / "assets/third-party.txt").write_text(written(notices), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
