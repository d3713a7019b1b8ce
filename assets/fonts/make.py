#!/usr/bin/env python3
"""Makes the fonts of this folder from their upstream files: `make.py INTER.woff2 JETBRAINS.ttf...`; see assets/README.md.

Cuts them to the scripts that the window has to show by itself, and makes Inter's digits equally wide, because numbers
that change must not jitter. Then says what each file covers.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

# First and last character of each block. What a font lacks in it is left to the next font.
SCRIPTS = {
    "Latin": [(0x20, 0x7E), (0xA0, 0x24F), (0x1E00, 0x1EFF), (0xFB00, 0xFB04)],
    "marks": [(0x2B0, 0x36F)],
    "Greek": [(0x370, 0x3FF), (0x1F00, 0x1FFF)],
    "Cyrillic": [(0x400, 0x52F)],
    "punctuation": [(0x2000, 0x206F), (0xFFFD, 0xFFFD)],
    "numbers, currency, letter-like": [(0x2070, 0x218F)],
    "arrows": [(0x2190, 0x21FF)],
    "mathematics": [(0x2200, 0x22FF)],
    "keys, boxes, shapes, ticks": [(0x2300, 0x23FF), (0x2500, 0x25FF), (0x2600, 0x27BF)],
}

# What egui's shaper switches on and names need. Not `calt` and `liga`: they turn the "->" or the "4x4" of a file's
# name into something that isn't in it.
FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl"]

# The weights that the window uses.
WEIGHTS = (400, 700)


def tabular_digits(font):
    """Lets the ten digits show the glyphs of the feature `tnum`."""
    gsub = font["GSUB"].table
    record = next(r for r in gsub.FeatureList.FeatureRecord if r.FeatureTag == "tnum")
    swap = {}
    for index in record.Feature.LookupListIndex:
        for table in gsub.LookupList.Lookup[index].SubTable:
            swap.update(getattr(table, "ExtSubTable", table).mapping)
    for table in font["cmap"].tables:
        for digit in range(ord("0"), ord("9") + 1):
            if digit in table.cmap:
                # Tables may share one mapping, which the first of them has then changed already.
                table.cmap[digit] = swap.get(table.cmap[digit], table.cmap[digit])
    assert len({font["hmtx"][font.getBestCmap()[ord(d)]][0] for d in "0123456789"}) == 1


def cut(font):
    """Keeps the characters of `SCRIPTS`, drops hints and the features that nothing uses."""
    options = subset.Options()
    options.layout_features = FEATURES
    options.hinting = False
    options.glyph_names = False
    options.notdef_outline = True
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 7, 13, 14]
    options.drop_tables += ["DSIG", "MVAR"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[c for blocks in SCRIPTS.values() for a, b in blocks for c in range(a, b + 1)])
    cutter.subset(font)


def write(font, path):
    """Writes the file, reads it back and says what it holds."""
    font.flavor = None
    font.save(path)
    font = TTFont(path)
    have = font.getBestCmap()
    axes = [f"{a.axisTag} {a.minValue:.0f}-{a.maxValue:.0f}" for a in font["fvar"].axes] if "fvar" in font else []
    print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB, {len(have)} characters, axes: {axes or 'none'}")
    for script, blocks in SCRIPTS.items():
        print(f"  {script}: {sum(a <= c <= b for c in have for a, b in blocks)}")


def main():
    here = Path(__file__).parent
    for source in map(Path, sys.argv[1:]):
        # Timestamps of the sources are kept, so that the same sources give the same files.
        font = TTFont(source, recalcTimestamp=False)
        if "fvar" in font:
            tabular_digits(font)
        cut(font)
        if "fvar" in font:
            font = instancer.instantiateVariableFont(font, {"opsz": 14, "wght": WEIGHTS})
        write(font, here / f"{source.stem}.ttf")


main()
