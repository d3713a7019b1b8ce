#!/usr/bin/env bash
# Makes every size of the icon from the drawings beside this file. Needs rsvg-convert (librsvg2-bin) and Python's Pillow.
set -euo pipefail
cd "$(dirname "$0")"

for size in 16 24 32; do
  rsvg-convert -w "$size" -h "$size" caiman-small.svg -o "caiman-$size.png"
done
for size in 48 64 128 256 512; do
  rsvg-convert -w "$size" -h "$size" caiman.svg -o "caiman-$size.png"
done

# Windows' and macOS' containers, each size as drawn above.
"${PYTHON:-python3}" - <<'PYTHON'
from PIL import Image

ico = [16, 24, 32, 48, 64, 128, 256]
*smaller, largest = [Image.open(f"caiman-{size}.png").convert("RGBA") for size in ico]
largest.save("caiman.ico", append_images=smaller, sizes=[(size, size) for size in ico])
*smaller, largest = [Image.open(f"caiman-{size}.png").convert("RGBA") for size in [16, 32, 64, 128, 256, 512]]
largest.save("caiman.icns", append_images=smaller)
PYTHON
